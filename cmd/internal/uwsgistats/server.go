// Package uwsgistats serves the JSON of uWSGI's stats server, which uwsgitop and exporters read.
package uwsgistats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/conn"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

const (
	maxConnections = 64               // for each address; silent ones make room
	clientTimeout  = 10 * time.Second // for the request and for reading the page
	maxHeader      = 16 << 10         // bytes of a request's head
)

// Server is a stats server. It shares nothing with the master but the values that hooks pass to it, so that it can neither block nor
// break the master.
type Server struct {
	log     *slog.Logger
	latest  atomic.Pointer[master.Status]
	closed  context.Context
	stop    context.CancelFunc
	serving sync.WaitGroup

	mu        sync.Mutex // guards what follows
	inspector *mpmetrics.Inspector
	reader    requests.Reader
	before    map[string]float64 // by id, the requests of earlier processes when the current one started
	faults    cli.FaultLog
}

// New serves the page on the listeners, over HTTP or, as uWSGI does by default, to every connection without a request. Close closes the
// listeners.
func New(listeners []net.Listener, overHTTP bool, metricsDir string, log *slog.Logger) *Server {
	s := &Server{
		log:       log,
		inspector: mpmetrics.NewInspector(metricsDir, mpmetrics.InspectorOptions{}),
		before:    map[string]float64{},
	}
	s.closed, s.stop = context.WithCancel(context.Background())
	for _, l := range listeners {
		if overHTTP {
			s.serveHTTP(l)
			continue
		}
		l = conn.Listen(l, maxConnections)
		context.AfterFunc(s.closed, func() { _ = l.Close() })
		s.serving.Go(func() { s.serve(l) })
	}
	return s
}

// Close ends all connections. No hook may be called after it.
func (s *Server) Close() {
	s.stop()
	s.serving.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inspector.Close()
	s.inspector = nil
}

// Join returns hooks that also pass their values to the server.
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

// remember saves the number of requests under an id when its process starts, before it can have served any.
func (s *Server) remember(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before[id] = s.totalsLocked()[id].Requests
}

func (s *Server) serveHTTP(l net.Listener) {
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			_, _ = w.Write(s.page())
		}),
		ReadTimeout:    clientTimeout,
		WriteTimeout:   clientTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	server.SetKeepAlivesEnabled(false)
	context.AfterFunc(s.closed, func() { _ = server.Close() })
	s.serving.Go(func() { _ = conn.Serve(server, l, maxConnections) })
}

func (s *Server) serve(l net.Listener) {
	for {
		client, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			s.log.Warn("cannot accept a stats client", "error", err)
			select {
			case <-time.After(time.Second): // for a free descriptor
			case <-s.closed.Done():
			}
			continue
		}
		s.serving.Go(func() {
			defer client.Close()
			defer context.AfterFunc(s.closed, func() { _ = client.Close() })()
			_ = client.SetDeadline(time.Now().Add(clientTimeout))
			_, _ = client.Write(s.page())
		})
	}
}

func (s *Server) page() []byte {
	var status master.Status
	if latest := s.latest.Load(); latest != nil {
		status = *latest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return newPage(status, s.totalsLocked(), s.before).text()
}

// totalsLocked reads the metric files. On an error, which it logs once, there are no totals. Metric files are untrusted: not even a
// panic of their reader may end the master.
func (s *Server) totalsLocked() (totals map[string]requests.Totals) {
	if s.inspector == nil {
		return nil // a request that outlived Close
	}
	var err error
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("BUG: %v\n%s", r, debug.Stack())
		}
		s.faults.Log(s.log, slog.LevelWarn, "stats cannot read the metric files", err)
	}()
	in, err := s.inspector.Look()
	if err != nil {
		return nil
	}
	return s.reader.Read(in.Files)
}
