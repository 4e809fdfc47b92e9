package worker_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
)

// TestMaxHeader has heads of different lengths: the number of headers is limited by their total length.
func TestMaxHeader(t *testing.T) {
	t.Parallel()
	w := start(t, limited(func(l *worker.Limits) { l.MaxHeader = 8 << 10 }), http.HandlerFunc(hello))
	for name, test := range map[string]struct {
		headers []string
		code    int
	}{
		"short": {[]string{"X-Long: " + strings.Repeat("x", 7<<10)}, 200},
		"long":  {[]string{"X-Long: " + strings.Repeat("x", 16<<10)}, 431},
		"many":  {strings.Split(strings.Repeat("a: |", 50_000)+"b: ", "|"), 431},
	} {
		c := w.dial()
		go func() { // all of it may not be taken
			_, _ = io.WriteString(c, head("GET /", test.headers...))
		}()
		if r := c.answer(); r.code != test.code || r.last != (test.code != 200) {
			t.Errorf("%s: %d, last %v", name, r.code, r.last)
		}
	}
}

// TestHTTPTimeout has connections whose request does not come, or comes a byte at a time.
func TestHTTPTimeout(t *testing.T) {
	t.Parallel()
	w := start(t, limited(func(l *worker.Limits) { l.HTTPTimeout = 4 * soon }), http.HandlerFunc(hello))
	silent, half, idle, drip := w.dial(), w.dial(), w.dial(), w.dial()
	half.send("GET / HTTP/1.1\r\nHo")
	readAll(t, idle.do("GET", "/", ""))
	drip.send("GET / HTTP/1.1\r\nHost: test\r\nX: ")
	if err := drip.drip("x", int(proctest.Patience/(10*time.Millisecond)), 10*time.Millisecond); err == nil {
		t.Error("a head that drips is not limited")
	}
	silent.expectEnd()
	idle.expectEnd()
	if r := half.answer(); r.code != 400 || !r.last {
		t.Errorf("half a head: %d", r.code)
	}
}

func TestDeadlinesOfTheHandler(t *testing.T) {
	errs := make(chan error, 2)
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = later }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rc := http.NewResponseController(w)
		if err := errors.Join(rc.SetReadDeadline(time.Now().Add(soon)), rc.SetWriteDeadline(time.Now().Add(soon)),
			rc.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
		_, err := io.ReadAll(r.Body)
		errs <- err
		for err = nil; err == nil; {
			_, err = w.Write(make([]byte, 1<<20))
		}
		errs <- err
	}))
	w.dial().send(head("POST /", "Content-Length: 10"))
	for range 2 {
		if err := receive(t, "an error", errs); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	}
}

func TestNegativeLimits(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	w := startOn(t, l, limited(func(l *worker.Limits) { l.MaxHeader, l.DrainIdle = -1, -1 }), nil)
	err := w.wait()
	if err == nil || !strings.Contains(err.Error(), "MaxHeader") || !strings.Contains(err.Error(), "DrainIdle") {
		t.Errorf("Run: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}

// TestNoTimeLimits examines the deadlines of a connection, because nothing else would show that none passes.
func TestNoTimeLimits(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*worker.Limits)
		set    bool // there are deadlines
	}{
		"neither":                {func(l *worker.Limits) { l.HTTPTimeout, l.SocketTimeout = 0, 0 }, false},
		"without socket-timeout": {func(l *worker.Limits) { l.SocketTimeout = 0 }, true},
		"without http-timeout":   {func(l *worker.Limits) { l.HTTPTimeout = 0 }, true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &deadlineListener{Listener: listen(t, "tcp", "127.0.0.1:0")}
			w := startOn(t, l, limited(test.change), http.HandlerFunc(hello))
			c := w.dial()
			for range 2 {
				if body := readAll(t, c.do("POST", "/", "there")); body != "hello there" {
					t.Errorf("%q", body)
				}
			}
			if l.set.Load() != test.set {
				t.Errorf("deadlines: %v, want %v", l.set.Load(), test.set)
			}
		})
	}
}

// deadlineListener records whether its connections get deadlines in the future.
type deadlineListener struct {
	net.Listener
	set atomic.Bool
}

func (l *deadlineListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &deadlineConn{c, l}, nil
}

type deadlineConn struct {
	net.Conn
	l *deadlineListener
}

func (c *deadlineConn) record(t time.Time) {
	if time.Until(t) > 0 { // net/http interrupts reads by one in the past
		c.l.set.Store(true)
	}
}

func (c *deadlineConn) SetDeadline(t time.Time) error {
	c.record(t)
	return c.Conn.SetDeadline(t)
}

func (c *deadlineConn) SetReadDeadline(t time.Time) error {
	c.record(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *deadlineConn) SetWriteDeadline(t time.Time) error {
	c.record(t)
	return c.Conn.SetWriteDeadline(t)
}
