package worker_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{"worker": serveAsWorker})
}

// limits returns the default limits with a change.
func limits(change func(l *worker.Limits)) *worker.Limits {
	l := worker.DefaultLimits()
	change(&l)
	return &l
}

// limited returns a configuration that differs in its limits only.
func limited(change func(l *worker.Limits)) worker.Config {
	return worker.Config{Limits: limits(change)}
}

// running is a worker in this process.
type running struct {
	t    *testing.T
	addr net.Addr
	log  *proctest.Log
	stop context.CancelFunc
	end  chan struct{} // closed when Run has returned
	err  error         // what it returned
}

// start starts a worker on a TCP socket. At the end of the test it is stopped, and must have answered all requests,
// unless the test has waited for it.
func start(t *testing.T, cfg worker.Config, handler http.Handler) *running {
	t.Helper()
	return startOn(t, listen(t, "tcp", "127.0.0.1:0"), cfg, handler)
}

func startOn(t *testing.T, l net.Listener, cfg worker.Config, handler http.Handler) *running {
	t.Helper()
	if cfg.Inherited == nil {
		cfg.Inherited = &handoff.Inherited{}
	}
	cfg.Inherited.Listeners = append(cfg.Inherited.Listeners, handoff.Listener{Listener: l, Name: "http"})
	if testedOverTLS() {
		cfg.TLS = testTLS(t)
		cfg.NamedTLS = map[string]*tls.Config{"metrics": testTLS(t)}
	}
	log := &proctest.Log{}
	cfg.Logger = newLogger(log)
	ctx, cancel := context.WithCancel(t.Context())
	w := &running{t: t, addr: l.Addr(), log: log, stop: cancel, end: make(chan struct{})}
	go func() {
		defer close(w.end)
		w.err = worker.Run(ctx, cfg, handler)
	}()
	t.Cleanup(func() {
		cancel()
		if err := w.wait(); err != nil {
			t.Errorf("Run: %v", err)
		}
		w.err = nil
		if t.Failed() {
			t.Logf("log of the worker:\n%s", log)
		}
	})
	return w
}

// drain tells the worker to stop, and waits until it has begun to.
func (w *running) drain() {
	w.t.Helper()
	w.stop()
	w.await("draining")
}

// wait waits for the end of Run, and returns its error, which then is no fault of the test.
func (w *running) wait() error {
	w.t.Helper()
	select {
	case <-w.end:
	case <-time.After(proctest.Patience):
		w.t.Fatalf("Run has not returned\n%s", allStacks())
	}
	err := w.err
	w.err = nil
	return err
}

// url is where the worker can be reached.
func (w *running) url(path string) string {
	if testedOverTLS() {
		return "https://" + w.addr.String() + path
	}
	return "http://" + w.addr.String() + path
}

// get asks for a page in a connection of its own.
func (w *running) get(path string) (code int, body string) {
	w.t.Helper()
	return w.do("GET", path, "")
}

func (w *running) do(method, path, body string) (code int, answer string) {
	w.t.Helper()
	c := w.dial()
	defer c.Close()
	r := c.do(method, path, body)
	return r.code, readAll(w.t, r)
}

func listen(t *testing.T, network, address string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// listenBoth makes two copies of one listening socket, as two workers have them.
func listenBoth(t *testing.T, network string) (a, b net.Listener) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "socket")
	}
	a = listen(t, network, address)
	file, err := a.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if b, err = net.FileListener(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return a, b
}

// client is a connection that hides nothing: it asks once, and an answer that does not come is an error.
type client struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(ctx context.Context, addr net.Addr) (*client, error) {
	var dialer net.Dialer
	c, err := dialer.DialContext(ctx, addr.Network(), addr.String())
	if err != nil {
		return nil, err
	}
	if err := c.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		return nil, err
	}
	if testedOverTLS() {
		c = tls.Client(c, trusting())
	}
	return &client{Conn: c, r: bufio.NewReader(c)}, nil
}

func (w *running) dial() *client {
	w.t.Helper()
	c, err := dial(w.t.Context(), w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	c.t = w.t
	w.t.Cleanup(func() { _ = c.Close() })
	if over, ok := c.Conn.(*tls.Conn); ok {
		if err := over.HandshakeContext(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	return c
}

// answer is an answer whose body is still to be read. It holds nothing but its connection.
type answer struct {
	code   int
	header http.Header
	last   bool // Connection: close
	body   io.Reader
}

func readAnswer(r *bufio.Reader, method string) (answer, error) {
	head, err := http.ReadResponse(r, &http.Request{Method: method}) //nolint:bodyclose // it would read it to the end
	if err != nil {
		return answer{}, err
	}
	return answer{head.StatusCode, head.Header, head.Close, head.Body}, nil
}

// ask sends a request and reads the head of the answer.
func (c *client) ask(method, path, body string) (answer, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: test\r\n", method, path)
	if body != "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	fmt.Fprintf(&b, "\r\n%s", body)
	if _, err := c.Write(b.Bytes()); err != nil {
		return answer{}, err
	}
	return readAnswer(c.r, method)
}

func (c *client) do(method, path, body string) answer {
	c.t.Helper()
	r, err := c.ask(method, path, body)
	if err != nil {
		c.t.Fatalf("%s %s: %v", method, path, err)
	}
	return r
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads the head of an answer to what was sent.
func (c *client) answer() answer {
	c.t.Helper()
	r, err := readAnswer(c.r, "GET")
	if err != nil {
		c.t.Fatalf("read answer: %v", err)
	}
	return r
}

// expectEnd waits for the end of the connection, with nothing before it.
func (c *client) expectEnd() {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	if len(rest) > 0 {
		c.t.Errorf("%q came before the end of the connection", rest)
	}
	if err != nil {
		c.t.Errorf("instead of the end of the connection: %v", err)
	}
}

func readAll(t *testing.T, r answer) string {
	t.Helper()
	body, err := io.ReadAll(r.body)
	if err != nil {
		t.Fatalf("read body: %v", err)
	}
	return string(body)
}

// newLogger returns a logger whose lines have neither time nor level.
func newLogger(log *proctest.Log) *slog.Logger {
	return slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
}

// await waits until the worker has logged a line with these parts, and returns it.
func (w *running) await(parts ...string) string {
	w.t.Helper()
	return w.log.Wait(w.t, nil, parts...)
}

func allStacks() string {
	stacks := make([]byte, 1<<20)
	return string(stacks[:runtime.Stack(stacks, true)])
}

// expectNoGoroutines checks that no goroutine of a worker is left. A connection's ends a moment after the worker has
// heard from it for the last time.
func expectNoGoroutines(t *testing.T) {
	t.Helper()
	proctest.Eventually(t, "the end of all goroutines", func() bool {
		return !slices.ContainsFunc(strings.Split(allStacks(), "\n\n"), func(stack string) bool {
			return strings.Contains(stack, "multiproc/worker.") || strings.Contains(stack, "net/http.(*conn)")
		})
	})
}

func receive[T any](t *testing.T, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(proctest.Patience):
		t.Fatalf("waited in vain for %s\n%s", what, allStacks())
		panic("not reached")
	}
}
