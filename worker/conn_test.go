package worker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// TestClientThatTakesNothing has clients that do not read their answers. Over TLS, nothing more is sent to them either.
func TestClientThatTakesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o600))
	check(t, os.Truncate(file, 1<<30))
	for _, network := range []string{"tcp", "unix"} {
		for _, path := range []string{"/write", "/file"} {
			t.Run(network+path, func(t *testing.T) {
				t.Parallel()
				failed := make(chan error, 1)
				w := startOn(t, listenOn(t, network), limited(func(l *worker.Limits) { l.SocketTimeout = soon }),
					http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						if r.URL.Path == "/file" {
							http.ServeFile(&copyWatcher{w, failed}, r, file)
							return
						}
						_, err := w.Write(make([]byte, 64<<20))
						failed <- err
					}))
				w.dial().send(head("GET " + path))
				if err := receive(t, "the write", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("write: %v", err)
				}
				began := time.Now()
				w.stopped()
				if took := time.Since(began); took > 3*time.Second { // the last message of TLS could take 5 s
					t.Errorf("the drain took %s", took)
				}
			})
		}
	}
}

// copyWatcher reports the error of the copy to a client.
type copyWatcher struct {
	http.ResponseWriter
	err chan error
}

func (n *copyWatcher) ReadFrom(src io.Reader) (int64, error) {
	copied, err := io.Copy(n.ResponseWriter, src)
	n.err <- err
	return copied, err
}

// TestUnreadAnswer has a client that does not read. The kernel queues little for it.
func TestUnreadAnswer(t *testing.T) {
	t.Parallel()
	written := make(chan int, 1)
	w := start(t, limited(func(*worker.Limits) {}), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		err, n := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(soon)), 0
		for err == nil {
			var more int
			more, err = w.Write(make([]byte, 64<<10))
			n += more
		}
		written <- n
	}))
	w.dial().send(head("GET /"))
	if n := receive(t, "the end of the answer", written); n > 1<<20 {
		t.Errorf("wrote %d bytes", n)
	}
}

// TestClientThatSendsNothing has a client that stops in the middle of its body, and goes on too late.
func TestClientThatSendsNothing(t *testing.T) {
	failed, late := make(chan error), make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
		<-late
		_, err = io.ReadAll(r.Body)
		failed <- err
	}))
	c := w.dial()
	c.send(head("POST /", "Content-Length: 10") + "half")
	if err := receive(t, "the read", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read: %v", err)
	}
	c.send("too la")
	close(late)
	if err := receive(t, "the late read", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("late read: %v", err)
	}
	if r := c.answer(); !r.last {
		t.Error("the connection goes on")
	}
}

// TestSlowBody has a client that sends a byte now and then, and a handler that continues after the deadline of the last read:
// by then, no deadline is left on the connection.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	for _, framing := range []string{"Content-Length: 30", "Transfer-Encoding: chunked"} {
		// A busy machine may pause the client for too long. A longer limit shows whether that was the reason.
		limit := 100 * time.Millisecond
		err := sendSlowly(t, limit, framing)
		for ; err != nil && limit < 2*time.Second; err = sendSlowly(t, limit, framing) {
			limit *= 2
		}
		if err != nil {
			t.Errorf("with a limit of %s: %v", limit, err)
		}
	}
}

// sendSlowly sends a body in three times the limit.
func sendSlowly(t *testing.T, limit time.Duration, framing string) error {
	t.Helper()
	read, goOn := make(chan struct{}), make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = limit }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.URL.Path == "/stall" {
			return
		}
		close(read)
		<-goOn
		fmt.Fprint(w, len(body), err, r.Context().Err())
	}))
	c := w.dial()
	c.send(head("POST /", framing))
	piece, end := "x", ""
	if strings.HasPrefix(framing, "Transfer") {
		piece, end = "1\r\nx\r\n", "0\r\n\r\n"
	}
	if c.drip(piece, 29, limit/10) == nil {
		_ = c.drip(piece+end, 1, limit/10) // an error shows in the handler
	}
	receive(t, "the end of the body", read)
	other := w.dial() // the deadline of its body passes, and so would the first one's
	other.send(head("POST /stall", "Content-Length: 10"))
	other.answer()
	close(goOn)
	r, err := readAnswer(c.r, http.MethodPost)
	if err != nil {
		return err
	}
	if text := readAll(t, r); text != fmt.Sprint(30, nil, nil) {
		return errors.New(text)
	}
	return nil
}

// drip sends a text so many times, with a pause before each.
func (c *client) drip(text string, times int, pause time.Duration) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range times {
		<-tick.C
		if _, err := io.WriteString(c, text); err != nil {
			return err
		}
	}
	return nil
}

// TestIdleConnectionsMakeRoom has as many connections as are allowed, idle in different ways. Others are served, and in the end none
// of these is left.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 3 }), http.HandlerFunc(hello))
	silent, half, kept := w.dial(), w.dial(), w.dial()
	half.send("GET / HTTP/1.1\r\nHo")
	readAll(t, kept.do("GET", "/", ""))
	evicted := make(chan string)
	for _, c := range []*client{silent, half, kept} {
		go func() {
			rest, err := io.ReadAll(c.r)
			text, _, _ := strings.Cut(string(rest), "\r\n")
			evicted <- fmt.Sprint(text, err)
		}()
	}
	var ends []string
	for deadline := time.Now().Add(proctest.Patience); len(ends) < 3; {
		if time.Now().After(deadline) {
			t.Fatalf("only %q were evicted", ends)
		}
		if body := readAll(t, w.dial().do("GET", "/", "")); body != "hello " { // and it stays
			t.Fatalf("%q", body)
		}
		select {
		case end := <-evicted:
			ends = append(ends, end)
		default:
		}
	}
	if want := []string{"<nil>", "<nil>", "<nil>"}; !slices.Equal(ends, want) {
		t.Errorf("%q, want %q", ends, want)
	}
}

// occupy sends a request and returns once its handler reports its beginning. A client on the last place is evicted if its request
// is still on its way while no other connection is idle: then occupy tries again.
func (w *running) occupy(request string, begun <-chan struct{}) *client {
	w.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(proctest.Patience)
	for {
		c, err := dial(w.t.Context(), w.addr)
		check(w.t, err)
		c.t = w.t
		w.t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, request)
		for err == nil {
			select {
			case <-begun:
				return c
			case <-tick.C:
				err = c.checkOpen()
			case <-limit:
				w.t.Fatalf("not within %s: the request\n%s", proctest.Patience, allStacks())
			}
		}
	}
}

// visit requests the first page on a new connection. Like occupy, it may try several times.
func (w *running) visit() string {
	var err error
	for range 100 {
		var c *client
		if c, err = dial(w.t.Context(), w.addr); err != nil {
			break
		}
		var r answer
		if r, err = c.ask("GET", "/", ""); err == nil {
			body, err := io.ReadAll(r.body)
			_ = c.Close()
			if err != nil {
				return err.Error()
			}
			return string(body)
		}
		_ = c.Close()
	}
	return err.Error()
}

// checkOpen returns an error if the server has closed the connection or sent something.
func (c *client) checkOpen() error {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return err
	}
	_, err := c.r.Peek(1)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return io.EOF
	}
	return c.SetReadDeadline(time.Now().Add(proctest.Patience))
}

// awaitFull waits until a listener waits for a place.
func awaitFull(t *testing.T) {
	t.Helper()
	proctest.Eventually(t, "a listener that waits for a place", func() bool { return strings.Contains(allStacks(), "(*Limit).Acquire") })
}

// slowHandler answers /slow only once it is released, and everything else at once.
func slowHandler() (h http.Handler, begun, release chan struct{}) {
	begun, release = make(chan struct{}), make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		fmt.Fprint(w, "done")
	}), begun, release
}

// TestBusyConnections has requests on all places. Another client is served once one of them has its answer, which is the last one
// on its connection.
func TestBusyConnections(t *testing.T) {
	h, begun, release := slowHandler()
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 2 }), h)
	busy := []*client{w.occupy(head("GET /slow"), begun), w.occupy(head("GET /slow"), begun)}
	awaitFull(t)
	visited := make(chan string, 1)
	go func() { visited <- w.visit() }()
	<-time.After(300 * time.Millisecond) // for the listener to notice
	release <- struct{}{}
	first := make(chan answer, 2)
	for _, c := range busy {
		go func() {
			if r, err := readAnswer(c.r, "GET"); err == nil {
				first <- r
			}
		}()
	}
	if r := receive(t, "an answer", first); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
	if text := receive(t, "the answer of the client that waits", visited); text != "done" {
		t.Error(text)
	}
	release <- struct{}{}
}

// TestSlowBodiesMakeRoom has clients that drip their bodies on all places. Others are served, and some of these clients are
// cut off.
func TestSlowBodiesMakeRoom(t *testing.T) {
	t.Parallel()
	const drips = 3
	begun, cut := make(chan struct{}), make(chan error, drips)
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections, l.SocketTimeout = drips, 300*time.Millisecond }), http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				hello(w, r)
				return
			}
			begun <- struct{}{}
			_, err := io.ReadAll(r.Body)
			cut <- err
		}))
	for range drips {
		c := w.occupy(head("POST /", "Content-Length: 1000000"), begun)
		go func() {
			_ = c.drip("x", 1_000_000, 10*time.Millisecond) // until it is cut
		}()
	}
	for range 2 {
		if body := w.visit(); body != "hello " {
			t.Error(body)
		}
	}
	if err := receive(t, "the end of a body", cut); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a body that drips: %v", err)
	}
}

// TestNamedListenersHaveTheirOwnPlaces has requests on all places of the main listener. The others go on.
func TestNamedListenersHaveTheirOwnPlaces(t *testing.T) {
	h, begun, release := slowHandler()
	defer close(release)
	metrics := listen(t, "tcp", "127.0.0.1:0")
	w := start(t, worker.Config{
		Inherited: &handoff.Inherited{Listeners: []handoff.Listener{{Listener: metrics, Name: "metrics"}}},
		Named:     map[string]http.Handler{"metrics": http.HandlerFunc(hello)},
		Limits:    limits(func(l *worker.Limits) { l.MaxConnections = 3 }),
	}, h)
	for range 3 {
		w.occupy(head("GET /slow"), begun)
	}
	awaitFull(t)
	w.addr = metrics.Addr()
	for range 7 { // of 8 places; with one more, answers would be the last ones on their connections
		c := w.dial()
		r := c.do("GET", "/", "")
		if body := readAll(t, r); body != "hello " || r.last {
			t.Errorf("%q, last %v", body, r.last)
		}
	}
}

// TestDrainIgnoresTheLimit has a client in the kernel's queue, because all places are taken. It is answered in the drain.
func TestDrainIgnoresTheLimit(t *testing.T) {
	plainOnly(t, "a request is not sent before the connection is accepted")
	h, begun, release := slowHandler()
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 1 }), h)
	busy := w.occupy(head("GET /slow"), begun)
	waiting := w.dial()
	waiting.send(head("GET /"))
	w.drain()
	if body := readAll(t, waiting.answer()); body != "done" {
		t.Errorf("%q", body)
	}
	close(release)
	if body := readAll(t, busy.answer()); body != "done" {
		t.Errorf("%q", body)
	}
}

// TestMaxConnections counts the descriptors that many idle clients cost.
func TestMaxConnections(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 50 }), http.HandlerFunc(hello))
	const clients = 300
	before := len(proctest.Descriptors(os.Getpid()))
	for range clients {
		readAll(t, w.dial().do("GET", "/", ""))
	}
	if now := len(proctest.Descriptors(os.Getpid())); now > before+clients+51 {
		t.Errorf("%d descriptors for %d clients, %d before", now, clients, before)
	}
}

// TestBodyTimeout has clients that drip their bodies. Only the handler that knows its client waits for them.
func TestBodyTimeout(t *testing.T) {
	t.Parallel()
	const limit = 300 * time.Millisecond
	failed := make(chan error, 3)
	w := start(t, limited(func(l *worker.Limits) { l.BodyTimeout = limit }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/known" {
			worker.LimitBody(r.Context(), 0)
		}
		if r.URL.Path == "/unread" {
			return
		}
		_, err := io.ReadAll(r.Body)
		failed <- err
		if errors.Is(err, os.ErrDeadlineExceeded) {
			w.WriteHeader(http.StatusRequestTimeout)
		}
	}))
	for _, test := range []struct {
		path, head string
		code       int
	}{
		{"/", "Content-Length: 100", http.StatusRequestTimeout},
		{"/", "Transfer-Encoding: chunked", http.StatusRequestTimeout},
		{"/unread", "Content-Length: 100", http.StatusOK},
		{"/known", "Content-Length: 100", http.StatusOK},
	} {
		t.Run(test.path+", "+test.head, func(t *testing.T) {
			c := w.dial()
			c.send(head("POST "+test.path, test.head))
			piece, pieces := "x", 100
			if strings.HasPrefix(test.head, "Transfer") {
				piece = "1\r\nx\r\n"
			}
			start := time.Now()
			go func() { _ = c.drip(piece, pieces, limit/20) }() // until it is cut
			r := c.answer()
			took := time.Since(start)
			known := test.path == "/known"
			if r.code != test.code || r.last == known || took < limit && test.path != "/unread" || took > proctest.Patience/2 {
				t.Errorf("%d after %s, last %v", r.code, took, r.last)
			}
			if test.path != "/unread" {
				if err := receive(t, "the end of the body", failed); errors.Is(err, os.ErrDeadlineExceeded) == known {
					t.Errorf("read: %v", err)
				}
			}
		})
	}
	t.Run("after a head that drips", func(t *testing.T) {
		c := w.dial()
		c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1\r\nX: ")
		_ = c.drip("x", 10, limit/5)
		c.send("\r\n\r\n")
		if r := c.answer(); r.code != http.StatusRequestTimeout || !r.last {
			t.Errorf("%d, last %v", r.code, r.last)
		}
		if err := receive(t, "the end of the body", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
	})
	t.Run("in two requests at once", func(t *testing.T) {
		c := w.dial()
		c.send(head("POST /", "Content-Length: 1") + "x")
		c.answer()
		<-time.After(limit)
		c.send(head("POST /", "Content-Length: 1") + "x" + head("POST /", "Content-Length: 1") + "x")
		for range 2 {
			if r := c.answer(); r.code != http.StatusOK {
				t.Errorf("%d", r.code)
			}
		}
		for range 3 {
			if err := receive(t, "the end of the body", failed); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestWriteDeadline has a handler whose client takes nothing, and another goroutine that ends the write.
func TestWriteDeadline(t *testing.T) {
	failed := make(chan error, 1)
	w := start(t, worker.Config{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		timer := time.AfterFunc(100*time.Millisecond, func() {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0))
		})
		defer timer.Stop()
		_, err := w.Write(make([]byte, 64<<20))
		failed <- err
	}))
	w.dial().send(head("GET /"))
	if err := receive(t, "the write", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write: %v", err)
	}
}
