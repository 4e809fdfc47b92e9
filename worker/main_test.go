package worker_test

import (
	"bufio"
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
	if err := proctest.SideBySide(8); err != nil {
		panic(err)
	}
	proctest.Main(m, map[string]proctest.Role{"worker": serveAsWorker})
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
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
	end  chan struct{} // closed when Run has returned err
	err  error
}

// start starts a worker on a TCP socket. It is stopped at the end of the test, and must have answered all requests then, unless
// the test waits for it.
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

// drain stops the worker and waits for the beginning of its drain.
func (w *running) drain() {
	w.t.Helper()
	w.stop()
	w.await("draining")
}

// wait waits for the end of Run and returns its error, which then does not fail the test.
func (w *running) wait() error {
	w.t.Helper()
	receive(w.t, "the end of Run", w.end)
	err := w.err
	w.err = nil
	return err
}

// stopped stops the worker, which must have answered all requests.
func (w *running) stopped() {
	w.t.Helper()
	w.stop()
	if err := w.wait(); err != nil {
		w.t.Errorf("Run: %v", err)
	}
}

// url returns the URL of a path.
func (w *running) url(path string) string {
	if testedOverTLS() {
		return "https://" + w.addr.String() + path
	}
	return "http://" + w.addr.String() + path
}

// get requests a page on a connection of its own.
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

func listen(tb testing.TB, network, address string) net.Listener {
	tb.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(tb.Context(), network, address)
	check(tb, err)
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// listenOn listens on a TCP or unix socket.
func listenOn(t *testing.T, network string) net.Listener {
	t.Helper()
	if network == "unix" {
		return listen(t, network, filepath.Join(t.TempDir(), "socket"))
	}
	return listen(t, network, "127.0.0.1:0")
}

// copyOf returns a copy of a listening socket, as another worker has it.
func copyOf(t *testing.T, l net.Listener) net.Listener {
	t.Helper()
	file, err := l.(interface{ File() (*os.File, error) }).File()
	check(t, err)
	defer file.Close()
	c, err := net.FileListener(file)
	check(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// head returns the head of a request.
func head(line string, headers ...string) string {
	return strings.Join(append([]string{line + " HTTP/1.1", "Host: test"}, headers...), "\r\n") + "\r\n\r\n"
}

// client is a connection without retries: a missing answer is an error.
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
	check(w.t, err)
	c.t = w.t
	w.t.Cleanup(func() { _ = c.Close() })
	if over, ok := c.Conn.(*tls.Conn); ok {
		check(w.t, over.HandshakeContext(w.t.Context()))
	}
	return c
}

// answer is an answer whose body has yet to be read.
type answer struct {
	code   int
	header http.Header
	last   bool // it has Connection: close
	body   io.Reader
}

func readAnswer(r *bufio.Reader, method string) (answer, error) {
	response, err := http.ReadResponse(r, &http.Request{Method: method}) //nolint:bodyclose // it would read it to the end
	if err != nil {
		return answer{}, err
	}
	return answer{response.StatusCode, response.Header, response.Close, response.Body}, nil
}

// ask sends a request and reads the head of its answer.
func (c *client) ask(method, path, body string) (answer, error) {
	var headers []string
	if body != "" {
		headers = append(headers, fmt.Sprint("Content-Length: ", len(body)))
	}
	if _, err := io.WriteString(c, head(method+" "+path, headers...)+body); err != nil {
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

// answer reads the head of the next answer.
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

// expectNoGoroutines checks that no goroutine of a worker is left. That of a connection ends a moment after the worker.
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
		t.Fatalf("not within %s: %s\n%s", proctest.Patience, what, allStacks())
		panic("not reached")
	}
}
