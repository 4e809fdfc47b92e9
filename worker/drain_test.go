package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// hello answers with the body of the request.
func hello(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	fmt.Fprintf(w, "hello %s", body)
}

// TestDrainLosesNothing has clients of two workers that share a socket, one of which is replaced again and again.
func TestDrainLosesNothing(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			kept := listenOn(t, network)
			var served atomic.Int64
			startOn(t, copyOf(t, kept), worker.Config{}, http.HandlerFunc(hello))

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var clients sync.WaitGroup
			errs := make(chan error, 100)
			for i := range 12 {
				clients.Go(func() {
					if err := askUntil(ctx, kept.Addr(), i%3); err != nil {
						errs <- err
						cancel()
					}
				})
			}
			for range proctest.Rounds(3, 10) {
				w := startOn(t, copyOf(t, kept), worker.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					served.Add(1)
					hello(w, r)
				}))
				before := served.Load()
				proctest.Eventually(t, "load on the worker", func() bool { return served.Load() > before+100 || ctx.Err() != nil })
				w.stopped()
			}
			cancel()
			clients.Wait()
			close(errs)
			for err := range errs {
				t.Error(err)
			}
		})
	}
}

// askUntil sends requests until ctx ends. By kind, each has a connection of its own, or a connection has as many as it lasts, or
// they have bodies. The server may end a connection only if it has announced that.
func askUntil(ctx context.Context, addr net.Addr, kind int) error {
	var c *client
	for n := 0; ctx.Err() == nil; n++ {
		if c == nil {
			var err error
			if c, err = dial(context.WithoutCancel(ctx), addr); err != nil {
				return fmt.Errorf("request %d: %w", n, err)
			}
		}
		if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
			return err
		}
		method, body := "GET", ""
		if kind == 2 {
			method, body = "POST", strings.Repeat("x", 3000)
		}
		r, err := c.ask(method, "/", body)
		if err != nil {
			return fmt.Errorf("%s %d: %w", method, n, err)
		}
		answer, err := io.ReadAll(r.body)
		if err != nil || r.code != 200 || string(answer) != "hello "+body {
			return fmt.Errorf("%s %d: %d, %d bytes, %w", method, n, r.code, len(answer), err)
		}
		if r.last || kind == 0 {
			_ = c.Close()
			c = nil
		}
	}
	if c != nil {
		return c.Close()
	}
	return nil
}

func TestDrainAnswersIdleConnections(t *testing.T) {
	w := start(t, worker.Config{}, http.HandlerFunc(hello))
	c := w.dial()
	r := c.do("GET", "/", "")
	readAll(t, r)
	if r.last {
		t.Error("an answer before the drain is the last one")
	}
	fresh := w.dial() // without a request so far
	w.drain()
	for _, c := range []*client{c, fresh} {
		r = c.do("POST", "/", "there")
		if body := readAll(t, r); body != "hello there" {
			t.Errorf("in the drain: %d %q", r.code, body)
		}
		if !r.last {
			t.Error("an answer in the drain is not the last one")
		}
		c.expectEnd()
	}
	w.stopped()
	if line := w.await("drained"); !strings.Contains(line, "requests=2 cut=0") {
		t.Error(line)
	}
	expectNoGoroutines(t)
}

func TestDrainIdle(t *testing.T) {
	for name, change := range map[string]func(*worker.Limits){
		"drain-idle":                func(l *worker.Limits) { l.DrainIdle = soon },
		"at once":                   func(l *worker.Limits) { l.DrainIdle = 0 },
		"without an idle time":      func(l *worker.Limits) { l.DrainIdle, l.HTTPTimeout = soon, 0 },
		"without that, and at once": func(l *worker.Limits) { l.DrainIdle, l.HTTPTimeout = 0, 0 },
	} {
		t.Run(name, func(t *testing.T) {
			w := start(t, limited(change), http.HandlerFunc(hello))
			used, fresh := w.dial(), w.dial()
			readAll(t, used.do("GET", "/", ""))
			began := time.Now()
			w.stop()
			used.expectEnd()
			fresh.expectEnd()
			w.stopped()
			if took := time.Since(began); took >= 5*time.Second {
				t.Errorf("drained in %s, as by default", took)
			}
		})
	}
}

func TestDrainAwaitsRequestsThatHaveBegun(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.DrainIdle = 50 * time.Millisecond }), http.HandlerFunc(hello))
	silent, slow, slowFresh := w.dial(), w.dial(), w.dial()
	readAll(t, slow.do("GET", "/", ""))
	w.stop()
	slow.send("POST / HTTP/1.1\r\nHost: te")
	slowFresh.send("POST / HTTP/1.1\r\nHost: te")
	silent.expectEnd() // after DrainIdle
	for _, c := range []*client{slow, slowFresh} {
		c.send("st\r\nContent-Length: 5\r\n\r\nth")
		c.send("ere")
		r := c.answer()
		if body := readAll(t, r); body != "hello there" || !r.last {
			t.Errorf("%d %q, close %v", r.code, body, r.last)
		}
	}
}

// TestDrainOfPipelinedRequests has a request that comes together with the one before it, whose answer began before the drain. The
// deadline of an idle connection must not end it.
func TestDrainOfPipelinedRequests(t *testing.T) {
	t.Parallel()
	begun, proceed := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/first", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		close(begun)
		<-proceed
	})
	mux.HandleFunc("/second", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
			t.Errorf("the context has ended: %v", context.Cause(r.Context()))
		case <-time.After(4 * soon):
		}
	})
	w := start(t, limited(func(l *worker.Limits) { l.DrainIdle, l.HTTPTimeout = soon, 0 }), mux)
	c := w.dial()
	c.send(head("GET /first") + head("GET /second"))
	receive(t, "the handler", begun)
	w.drain()
	close(proceed)
	readAll(t, c.answer())
	if r := c.answer(); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
}

func TestDrainFinishesStreams(t *testing.T) {
	proceed := make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.DrainIdle = time.Millisecond }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "first ")
		w.(http.Flusher).Flush()
		<-proceed
		if err := r.Context().Err(); err != nil {
			t.Errorf("in the drain the context has ended: %v", err)
		}
		fmt.Fprint(w, "last")
	}))
	c := w.dial()
	r := c.do("GET", "/", "")
	w.drain()
	proctest.Eventually(t, "the end of the listener", func() bool {
		_, err := dial(t.Context(), w.addr)
		return err != nil
	})
	close(proceed)
	if body := readAll(t, r); body != "first last" {
		t.Errorf("body %q", body)
	}
}

func TestDrainTimeout(t *testing.T) {
	causes := make(chan error, 2)
	entered := make(chan struct{}, 2)
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done()
		causes <- context.Cause(r.Context())
	})
	mux.HandleFunc("/leave", func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := http.NewResponseController(w).Hijack(); err != nil {
			t.Error(err)
		}
		entered <- struct{}{}
	})
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		entered <- struct{}{}
		_, err = io.Copy(io.Discard, nc) // until it is closed
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("the hijacked connection: %v", err)
		}
		causes <- context.Cause(r.Context())
	})
	metrics, page := openMetrics(t)
	w := start(t, worker.Config{Metrics: metrics, Limits: limits(func(l *worker.Limits) { l.DrainTimeout = 100 * time.Millisecond })}, mux)
	slow, hijacked, left := w.dial(), w.dial(), w.dial()
	// The body never ends, so net/http does not watch the connection, and would not cancel the context.
	slow.send(head("POST /slow", "Content-Length: 10"))
	hijacked.send(head("GET /hijack"))
	left.send(head("GET /leave"))
	for range 3 {
		receive(t, "a handler", entered)
	}
	w.stop()
	err := w.wait()
	if cut, ok := errors.AsType[*worker.CutError](err); !ok || cut.Requests != 3 {
		t.Errorf("Run: %v, want 3 requests cut", err)
	}
	for range 2 {
		if cause := receive(t, "the context's end", causes); cause == nil || errors.Is(cause, context.Canceled) {
			t.Errorf("cause %v", cause)
		}
	}
	slow.expectEnd()
	hijacked.expectEnd()
	left.expectEnd()
	if line := w.await("drained"); !strings.Contains(line, "cut=3") {
		t.Error(line)
	}
	page.expect(`http_requests_total{code="503"`, `http_requests_total{code="503",method="POST",route="/slow"} 1.0`)
	expectNoGoroutines(t)
}

// startBusy starts a worker with a request that only its context ends.
func startBusy(t *testing.T, cfg worker.Config) (*running, *client) {
	t.Helper()
	entered := make(chan struct{})
	w := start(t, cfg, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	c := w.dial()
	c.send(head("GET /"))
	receive(t, "the handler", entered)
	return w, c
}

// waitCut waits for the end of a worker that cuts the request of c.
func (w *running) waitCut(c *client) {
	w.t.Helper()
	if cut, ok := errors.AsType[*worker.CutError](w.wait()); !ok || cut.Requests != 1 {
		w.t.Errorf("Run: %v, want 1 request cut", cut)
	}
	c.expectEnd()
}

func TestDrainTimeoutZero(t *testing.T) {
	w, c := startBusy(t, limited(func(l *worker.Limits) { l.DrainTimeout = 0 }))
	w.stop()
	w.waitCut(c)
}

func TestFastStop(t *testing.T) {
	for _, when := range []string{"in the drain", "before"} {
		t.Run(when, func(t *testing.T) {
			fastStop := make(chan struct{})
			w, c := startBusy(t, worker.Config{FastStop: fastStop, Limits: limits(func(l *worker.Limits) { l.DrainTimeout = later })})
			if when == "in the drain" {
				w.drain()
				select {
				case <-w.end:
					t.Error("the drain did not wait for the request")
				default:
				}
			}
			close(fastStop)
			w.waitCut(c)
		})
	}
	t.Run("without requests", func(t *testing.T) {
		fastStop := make(chan struct{})
		w := start(t, worker.Config{FastStop: fastStop, Limits: limits(func(l *worker.Limits) { l.DrainIdle, l.DrainTimeout = later, later })}, http.HandlerFunc(hello))
		c := w.dial()
		readAll(t, c.do("GET", "/", ""))
		close(fastStop)
		if err := w.wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
		c.expectEnd()
		expectNoGoroutines(t)
	})
}

func TestDrainAwaitsHijackedConnections(t *testing.T) {
	conns := make(chan net.Conn, 1)
	w := start(t, limited(func(l *worker.Limits) { l.DrainIdle = time.Millisecond }), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		conns <- nc
	}))
	c := w.dial()
	c.send(head("GET /"))
	nc := receive(t, "the connection", conns)
	silent := w.dial()
	w.drain()
	silent.expectEnd()
	select {
	case <-w.end:
		t.Fatal("Run has returned while a hijacked connection was open")
	default:
	}
	if _, err := io.WriteString(nc, "still here"); err != nil {
		t.Error(err)
	}
	if err := nc.Close(); err != nil {
		t.Error(err)
	}
	if text, err := io.ReadAll(c); err != nil || string(text) != "still here" {
		t.Errorf("%q, %v", text, err)
	}
	w.stopped()
}

// heldListener accepts nothing before its deadline passes.
type heldListener struct {
	*net.TCPListener
	passed chan struct{}
}

func (l heldListener) Accept() (net.Conn, error) {
	<-l.passed
	return l.TCPListener.Accept()
}

func (l heldListener) SetDeadline(t time.Time) error {
	defer close(l.passed)
	return l.TCPListener.SetDeadline(t)
}

func TestDrainAcceptsQueuedConnections(t *testing.T) {
	plainOnly(t, "a request is not sent before the connection is accepted")
	l := heldListener{listen(t, "tcp", "127.0.0.1:0").(*net.TCPListener), make(chan struct{})}
	w := startOn(t, l, worker.Config{}, http.HandlerFunc(hello))
	w.await("serving")
	var queued []*client
	for range 5 {
		c := w.dial()
		c.send(head("GET /"))
		queued = append(queued, c)
	}
	w.drain()
	for _, c := range queued {
		if r := c.answer(); r.code != 200 || !r.last {
			t.Errorf("%d, close %v", r.code, r.last)
		}
	}
	w.stopped()
	if _, err := dial(t.Context(), w.addr); err == nil {
		t.Error("there is a listener after the drain")
	}
}

func TestDrainKeepsTheSocketFile(t *testing.T) {
	a := listenOn(t, "unix")
	w := startOn(t, copyOf(t, a), worker.Config{}, http.HandlerFunc(hello))
	w.stopped()
	other := startOn(t, a, worker.Config{}, http.HandlerFunc(hello))
	if code, body := other.get("/"); code != 200 {
		t.Errorf("at the other worker: %d %q", code, body)
	}
}

func TestRunWithoutSockets(t *testing.T) {
	err := worker.Run(t.Context(), worker.Config{Inherited: &handoff.Inherited{}}, nil)
	if err == nil || !strings.Contains(err.Error(), "no sockets inherited") {
		t.Errorf("Run: %v", err)
	}
	err = worker.Run(t.Context(), worker.Config{}, nil)
	if err == nil || !strings.Contains(err.Error(), "no sockets inherited") {
		t.Errorf("Run: %v", err)
	}
}

// TestListenerFails has a listener that fails on its own.
func TestListenerFails(t *testing.T) {
	broken := errors.New("broken")
	w := startOn(t, failing{listen(t, "tcp", "127.0.0.1:0"), broken}, worker.Config{}, nil)
	if err := w.wait(); !errors.Is(err, broken) {
		t.Errorf("Run: %v", err)
	}
}

type failing struct {
	net.Listener
	err error
}

func (l failing) Accept() (net.Conn, error) { return nil, l.err }
