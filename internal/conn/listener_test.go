package conn_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
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

// served returns a client that was answered. The last place makes room at once if its client has not sent anything yet and no
// other is idle, so this may take several attempts.
func served(t *testing.T, dial func() net.Conn) net.Conn {
	t.Helper()
	for {
		c := dial()
		if ask(c) == nil {
			return c
		}
	}
}

// TestListen has clients that use all places. Another one waits until one of them leaves.
func TestListen(t *testing.T) {
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
		served(t, dial)
	}
}

// TestListenEvicts has silent clients on all places. Others are served, and one that has sent something stays.
func TestListenEvicts(t *testing.T) {
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

// TestConnState has clients that keep their connections alive. They make room for others.
func TestConnState(t *testing.T) {
	l, dial := listen(t, 3)
	server := &http.Server{Handler: http.NotFoundHandler(), ConnState: conn.ConnState, ReadHeaderTimeout: proctest.Patience}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	request := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
			return err
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err
		}
		return r.Body.Close()
	}
	first := dial()
	for request(first) != nil { // evicted while its request was on its way, as in served
		first = dial()
	}
	evicted := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, first)
		evicted <- err
	}()
	for deadline := time.Now().Add(proctest.Patience); ; {
		c := dial()
		_ = c.SetDeadline(deadline)
		_ = request(c)
		select {
		case err := <-evicted:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			if time.Now().After(deadline) {
				t.Fatal("the first client was not evicted")
			}
		}
	}
}

// TestListenClose has a listener that waits for a place when it is closed.
func TestListenClose(t *testing.T) {
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

func TestLimitFull(t *testing.T) {
	limit := conn.NewLimit(1)
	limit.Acquire(nil)
	if limit.Full() {
		t.Error("full, and nothing waits")
	}
	stop, acquired := make(chan struct{}), make(chan bool)
	go func() { acquired <- limit.Acquire(stop) }()
	proctest.Eventually(t, "a full limit", limit.Full)
	close(stop)
	if <-acquired {
		t.Error("acquired a place that is taken")
	}
	if limit.Full() {
		t.Error("still full")
	}
}
