// Package uwsgistats serves the JSON of uWSGI's stats server, which uwsgitop and exporters read.
package uwsgistats

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"multiproc/internal/conn"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

const (
	// maxConnections is how many clients each address of stats has at a time. Others wait.
	maxConnections = 64
	// clientTimeout bounds how long a client may take, to ask and to read.
	clientTimeout = 10 * time.Second
	// maxRequest bounds the head of a request, in bytes.
	maxRequest = 16 << 10
)

// Server does what uWSGI's stats server does. It runs beside the master, and has nothing of it but what the hooks
// tell: whatever goes wrong here, or takes its time, does not concern the master.
type Server struct {
	http    bool // whoever connects asks first
	log     *slog.Logger
	latest  atomic.Pointer[master.Status]
	context context.Context // of the server's life
	stop    context.CancelFunc
	serving sync.WaitGroup

	mu        sync.Mutex // guards what follows
	inspector *mpmetrics.Inspector
	reader    requests.Reader
	before    map[string]float64 // by id, how many requests there had been when its process was started
	fault     string             // of the last look
}

// New serves the listeners until it is closed, and then has closed them.
func New(listeners []net.Listener, asked bool, metricsDir string, log *slog.Logger) *Server {
	s := &Server{
		http:      asked,
		log:       log,
		inspector: mpmetrics.NewInspector(metricsDir, mpmetrics.InspectorOptions{}),
		before:    map[string]float64{},
	}
	s.context, s.stop = context.WithCancel(context.Background())
	for _, l := range listeners {
		l = conn.Listen(l, maxConnections)
		context.AfterFunc(s.context, func() { _ = l.Close() })
		s.serving.Go(func() { s.serve(l) })
	}
	return s
}

// Close must not be called before the hooks have been for the last time.
func (s *Server) Close() {
	s.stop()
	s.serving.Wait()
	s.inspector.Close()
}

// Join adds what this has to hear of to hooks.
func (s *Server) Join(hooks master.Hooks) master.Hooks {
	started, status := hooks.Started, hooks.Status
	hooks.Started = func(who handoff.Identity) {
		started(who)
		s.serving.Go(func() { s.remember(who.ID) })
	}
	hooks.Status = func(now master.Status) {
		status(now)
		s.latest.Store(&now)
	}
	return hooks
}

// remember notes what the predecessors of a process under its id have counted. It has not got far itself.
func (s *Server) remember(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[id] = s.lookLocked()[id].Requests
}

func (s *Server) serve(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("a client of stats cannot be accepted", "error", err)
			select {
			case <-time.After(time.Second): // perhaps there are descriptors again
			case <-s.context.Done():
			}
			continue
		}
		s.serving.Go(func() { s.answer(conn) })
	}
}

// answer tells one client. Its faults are its own.
func (s *Server) answer(conn net.Conn) {
	defer conn.Close()
	defer context.AfterFunc(s.context, func() { _ = conn.Close() })()
	_ = conn.SetDeadline(time.Now().Add(clientTimeout))
	if !s.http {
		_, _ = conn.Write(s.page())
		return
	}
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(conn, maxRequest)))
	if err != nil {
		return
	}
	page := s.page()
	head := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: no-store\r\n"+
		"Content-Length: %d\r\nConnection: close\r\n\r\n", len(page))
	if request.Method == http.MethodHead {
		page = nil
	}
	_, _ = conn.Write(append([]byte(head), page...))
}

// page is what there is to tell now.
func (s *Server) page() []byte {
	var status master.Status // nothing, until the master has said something
	if latest := s.latest.Load(); latest != nil {
		status = *latest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	loads := s.lookLocked()
	return newPage(status, loads, s.before).text()
}

// lookLocked reads the metric files. Without them, the workers have done nothing as far as is known, and it is logged once
// why. Files are anybody's: that they bring down what reads them would be a bug, but is not to be the end of the master.
func (s *Server) lookLocked() (loads map[string]requests.Totals) {
	fault := ""
	defer func() {
		if r := recover(); r != nil {
			fault = fmt.Sprintf("BUG: %v\n%s", r, debug.Stack())
		}
		if fault != "" && fault != s.fault {
			s.log.Warn("stats has no metrics of the workers", "error", fault)
		}
		s.fault = fault
	}()
	in, err := s.inspector.Look()
	if err != nil {
		fault = err.Error()
		return nil
	}
	return s.reader.Read(in.Files)
}
