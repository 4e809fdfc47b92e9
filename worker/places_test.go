package worker_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// TestIdleConnectionsMakeRoom has as many connections as there may be, all of them idle in one way or another. Who comes is
// served, and the one that was idle for the longest time is closed.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 4 }), http.HandlerFunc(hello)) // one of them is for the next one who comes
	silent, half, kept := w.dial(), w.dial(), w.dial()
	half.send("GET / HTTP/1.1\r\nHo")
	readAll(t, kept.do("GET", "/", ""))
	for range 20 {
		c := w.dial()
		if body := readAll(t, c.do("GET", "/", "")); body != "hello " {
			t.Errorf("%q", body)
		}
	}
	silent.expectEnd()
	if r := half.answer(); r.code != 400 || !r.last {
		t.Errorf("half a head: %d", r.code)
	}
	kept.expectEnd()
}

// occupy has a request on a place, whose handler says that it has begun. Who takes the last place may be sent away while the request
// is on its way, as nobody else asks for nothing: then another comes.
func (w *running) occupy(request string, begun <-chan struct{}) *client {
	w.t.Helper()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	limit := time.After(proctest.Patience)
	for {
		c, err := dial(w.t.Context(), w.addr)
		if err != nil {
			w.t.Fatal(err)
		}
		c.t = w.t
		w.t.Cleanup(func() { _ = c.Close() })
		_, err = io.WriteString(c, request)
		for err == nil {
			select {
			case <-begun:
				return c
			case <-look.C:
				err = c.lives()
			case <-limit:
				w.t.Fatalf("waited in vain for the request\n%s", allStacks())
			}
		}
	}
}

// visit asks for the first page, from a connection of its own, and gives what is answered. As in occupy, it may take several.
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

// lives is nil as long as the server has neither closed the connection nor sent anything.
func (c *client) lives() error {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return err
	}
	_, err := c.r.Peek(1)
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return io.EOF
	}
	return c.SetReadDeadline(time.Now().Add(proctest.Patience))
}

// TestBusyConnectionsAreWaitedFor has no place left, and nobody who is idle. Who waits is served when the first has its
// answer, which is the last one on its connection.
func TestBusyConnectionsAreWaitedFor(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 2 }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		fmt.Fprint(w, "done")
	}))
	plain := make([]*client, 2)
	for i := range plain {
		plain[i] = w.occupy("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n", begun)
	}
	proctest.Eventually(t, "the listener waits for a place", func() bool { return strings.Contains(allStacks(), "(*Limit).Acquire") })
	answers := make(chan string, 1)
	go func() { answers <- w.visit() }()
	release <- struct{}{}
	first := make(chan answer, 2)
	for _, c := range plain {
		go func() {
			if r, err := readAnswer(c.r, "GET"); err == nil {
				first <- r
			}
		}()
	}
	if r := receive(t, "an answer", first); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
	if text := receive(t, "the answer to who waits", answers); text != "done" {
		t.Error(text)
	}
	release <- struct{}{}
}

// TestSlowBodiesMakeRoom has clients that drip their bodies on all places. Who comes is served, and some of them are cut.
func TestSlowBodiesMakeRoom(t *testing.T) {
	const drippers = 3
	begun, cut := make(chan struct{}), make(chan error, drippers)
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections, l.SocketTimeout = drippers, 300*time.Millisecond }), http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				hello(w, r)
				return
			}
			begun <- struct{}{}
			_, err := io.ReadAll(r.Body)
			cut <- err
		}))
	for range drippers {
		c := w.occupy("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 1000000\r\n\r\n", begun)
		go func() {
			for c.drip("x", 1) == nil { // as long as it lives
			}
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

const dripping = 10 * time.Millisecond

// drip sends a text so many times, with a pause before each.
func (c *client) drip(text string, times int) error {
	tick := time.NewTicker(dripping)
	defer tick.Stop()
	for range times {
		<-tick.C
		if _, err := io.WriteString(c, text); err != nil {
			return err
		}
	}
	return nil
}

// TestNamedListenersHavePlacesOfTheirOwn: when the main listeners have no place left, and nobody who makes room, the others
// go on.
func TestNamedListenersHavePlacesOfTheirOwn(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	defer close(release)
	metrics := listen(t, "tcp", "127.0.0.1:0")
	w := start(t, worker.Config{
		Inherited: &handoff.Inherited{Listeners: []handoff.Listener{{Listener: metrics, Name: "metrics"}}},
		Named:     map[string]http.Handler{"metrics": http.HandlerFunc(hello)},
		Limits:    limits(func(l *worker.Limits) { l.MaxConnections = 3 }),
	}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-release
	}))
	for range 3 {
		w.occupy("GET / HTTP/1.1\r\nHost: test\r\n\r\n", begun)
	}
	proctest.Eventually(t, "the listener waits for a place", func() bool { return strings.Contains(allStacks(), "(*Limit).Acquire") })
	w.addr = metrics.Addr()
	for range 7 { // of their 8 places one is for the next who comes: with none left, an answer would be the last one
		c := w.dial()
		r := c.do("GET", "/", "")
		if body := readAll(t, r); body != "hello " || r.last {
			t.Errorf("%q, last %v", body, r.last)
		}
	}
}

// TestDrainTakesThoseWhoWait: what is in the kernel's queue is answered, though there is no place.
func TestDrainTakesThoseWhoWait(t *testing.T) {
	plainOnly(t, "a request is not sent before the connection is taken")
	begun, release := make(chan struct{}), make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 1 }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		fmt.Fprint(w, "done")
	}))
	busy := w.occupy("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n", begun)
	waiting := w.dial()
	waiting.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	w.drain()
	if body := readAll(t, waiting.answer()); body != "done" {
		t.Errorf("%q", body)
	}
	close(release)
	if body := readAll(t, busy.answer()); body != "done" {
		t.Errorf("%q", body)
	}
}

// TestConnectionsAreBoundedByDescriptors has more connections than the process may have descriptors.
func TestConnectionsAreBoundedByDescriptors(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.MaxConnections = 50 }), http.HandlerFunc(hello))
	before := descriptorsOf(t)
	var clients []*client
	for range 300 {
		c := w.dial()
		readAll(t, c.do("GET", "/", ""))
		clients = append(clients, c)
	}
	if now := descriptorsOf(t); now > before+len(clients)+51 {
		t.Errorf("%d descriptors for %d clients, %d before", now, len(clients), before)
	}
}

func descriptorsOf(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
