package conn_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"multiproc/internal/conn"
	"multiproc/internal/proctest"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// listen returns a listener with a limit, and a function that connects to it.
func listen(t *testing.T, n int) (l net.Listener, dial func() net.Conn) {
	t.Helper()
	inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	l = conn.Listen(inner, n)
	t.Cleanup(func() { _ = l.Close() })
	return l, func() net.Conn {
		t.Helper()
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		check(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

// echo serves each connection of a listener until the client ends it.
func echo(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		}()
	}
}

// ask sends a byte and reads the answer.
func ask(c net.Conn) error {
	_, err := c.Write([]byte("x"))
	if err == nil {
		_, err = io.ReadFull(c, make([]byte, 1))
	}
	return err
}

// served returns a client that was answered.
func served(t *testing.T, dial func() net.Conn) net.Conn {
	t.Helper()
	c := dial()
	check(t, ask(c))
	return c
}

// TestListen has clients that use all places. Another one waits until one of them leaves.
func TestListen(t *testing.T) {
	t.Parallel()
	l, dial := listen(t, 3)
	go echo(l)
	var clients []net.Conn
	for range 3 {
		clients = append(clients, served(t, dial))
	}
	answered := make(chan error)
	waiting := dial()
	go func() { answered <- ask(waiting) }()
	for _, c := range clients { // none of them made room
		if err := ask(c); err != nil {
			t.Error(err)
		}
	}
	select {
	case err := <-answered:
		t.Fatalf("a fourth client was served: %v", err)
	default:
	}
	_ = clients[0].Close()
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

// TestListenEvicts has silent clients on all places. Others are served, and one that has sent something stays.
func TestListenEvicts(t *testing.T) {
	t.Parallel()
	l, dial := listen(t, 3)
	go echo(l)
	used := served(t, dial)
	silent := dial()
	for range 10 {
		_ = served(t, dial).Close()
		dial() // and sends nothing
	}
	if n, err := silent.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the oldest silent client was not evicted")
	}
	if err := ask(used); err != nil {
		t.Errorf("a client that is served was evicted: %v", err)
	}
}

// TestServe has silent clients on all places but one, in different ways, and more of them in the queue. Those that send a request
// are answered, and so is the one whose request is being handled all the while.
func TestServe(t *testing.T) {
	t.Parallel()
	const places = 8
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: test\r\n" }
	answered := func(t *testing.T, c net.Conn, path string) {
		t.Helper()
		_, err := io.WriteString(c, get(path)+"\r\n")
		check(t, err)
		check(t, awaitAnswer(c))
	}
	var tests sync.WaitGroup // which run side by side, whatever -parallel is: they wait most of the time
	defer tests.Wait()
	for name, silence := range map[string]func(t *testing.T, c net.Conn){
		"no byte":     func(*testing.T, net.Conn) {},
		"half a head": func(_ *testing.T, c net.Conn) { _, _ = io.WriteString(c, "GET / HT") },
		"a head that drips": func(t *testing.T, c net.Conn) {
			t.Helper()
			go drip(t, c, get("/")+"X: "+strings.Repeat("x", 1000))
		},
		"kept alive": func(t *testing.T, c net.Conn) {
			t.Helper()
			answered(t, c, "/")
		},
		"half a body": func(_ *testing.T, c net.Conn) {
			_, _ = io.WriteString(c, get("/")+"Content-Length: 10\r\n\r\nx")
		},
		"an answer that is not read": func(_ *testing.T, c net.Conn) { _, _ = io.WriteString(c, get("/large")+"\r\n") },
	} {
		tests.Go(func() {
			t.Run(name, func(t *testing.T) {
				inner, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
				check(t, err)
				begun, release, large := make(chan struct{}), make(chan struct{}), make(chan struct{})
				server := &http.Server{ReadHeaderTimeout: proctest.Patience, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					switch r.URL.Path {
					case "/slow":
						close(begun)
						<-release
					case "/large":
						large <- struct{}{}
						_, _ = w.Write(make([]byte, 32<<20))
					}
				})}
				go func() { _ = conn.Serve(server, inner, places) }()
				defer server.Close()
				dial := func() net.Conn {
					c, err := new(net.Dialer).DialContext(t.Context(), "tcp", inner.Addr().String())
					check(t, err)
					t.Cleanup(func() { _ = c.Close() })
					check(t, c.SetDeadline(time.Now().Add(proctest.Patience)))
					return c
				}
				slow := dial()
				_, err = io.WriteString(slow, get("/slow")+"\r\n")
				check(t, err)
				<-begun
				var silent []net.Conn
				crowd, visitors, unread := 3*places, places+2, strings.Contains(name, "answer")
				if unread { // each takes longer
					crowd, visitors = places-1, 2
				}
				for range crowd {
					c := dial()
					silence(t, c)
					if unread {
						<-large
					}
					silent = append(silent, c)
				}
				for range visitors {
					answered(t, dial(), "/")
				}
				if !unread {
					_, _ = io.Copy(io.Discard, silent[0]) // until the server ends it: the oldest goes first
				}
				close(release)
				check(t, awaitAnswer(slow))
			})
		})
	}
}

// awaitAnswer reads an answer.
func awaitAnswer(c net.Conn) error {
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// drip sends a text byte by byte.
func drip(t *testing.T, c net.Conn, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for i := range text {
		select {
		case <-tick.C:
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
		case <-t.Context().Done():
			return
		}
	}
}

// TestUnreadAnswer has a client that does not read. The kernel queues little for it.
func TestUnreadAnswer(t *testing.T) {
	t.Parallel()
	l, dial := listen(t, 1)
	dial()
	c, err := l.Accept()
	check(t, err)
	defer c.Close()
	check(t, c.SetWriteDeadline(time.Now().Add(200*time.Millisecond)))
	if n, err := c.Write(make([]byte, 16<<20)); !errors.Is(err, os.ErrDeadlineExceeded) || n > 1<<20 {
		t.Errorf("wrote %d bytes: %v", n, err)
	}
}

// TestListenClose has a listener that waits for a place when it is closed.
func TestListenClose(t *testing.T) {
	t.Parallel()
	l, dial := listen(t, 1)
	dial()
	if _, err := l.Accept(); err != nil {
		t.Fatal(err)
	}
	end := make(chan error)
	go func() {
		_, err := l.Accept()
		end <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-end; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestListenError has a listener whose errors must not use up the places.
func TestListenError(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	l := conn.Listen(failing{broken}, 1)
	for range 3 {
		if _, err := l.Accept(); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
}

type failing struct{ err error }

func (f failing) Accept() (net.Conn, error) { return nil, f.err }
func (f failing) Close() error              { return nil }
func (f failing) Addr() net.Addr            { return nil }

// TestLimitLeavesTime has a client on the only place that has only just connected, while another one waits.
func TestLimitLeavesTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		limit := conn.NewLimit(1)
		limit.Acquire(nil, nil)
		m := &connected{limit: limit, since: time.Now()}
		limit.Add(m)
		limit.Acquire(nil, func() bool { return true })
		if took := time.Since(m.since); took < 20*time.Millisecond || took > 100*time.Millisecond {
			t.Errorf("it made room after %v", took)
		}
	})
}

// connected is a client that has sent nothing.
type connected struct {
	limit *conn.Limit
	since time.Time
}

func (c *connected) SilentSince() (time.Time, bool) { return c.since, false }

func (c *connected) Evict() bool {
	go c.limit.Release(c)
	return true
}

func TestLimitFull(t *testing.T) {
	t.Parallel()
	limit := conn.NewLimit(1)
	limit.Acquire(nil, nil)
	var queued atomic.Bool
	stop, acquired := make(chan struct{}), make(chan bool)
	go func() { acquired <- limit.Acquire(stop, queued.Load) }()
	if limit.Full() {
		t.Error("full, and no client waits")
	}
	queued.Store(true)
	proctest.Eventually(t, "a full limit", limit.Full)
	close(stop)
	if <-acquired {
		t.Error("acquired a place that is taken")
	}
	if limit.Full() {
		t.Error("still full")
	}
}
