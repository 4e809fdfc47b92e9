package worker_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/worker"
)

func TestClientThatTakesNothingIsCut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, 1<<30); err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"tcp", "unix"} {
		for _, path := range []string{"/write", "/file"} {
			t.Run(network+path, func(t *testing.T) {
				t.Parallel()
				failed := make(chan error, 1)
				l, _ := listenBoth(t, network)
				w := startOn(t, l, limited(func(l *worker.Limits) { l.SocketTimeout = soon }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/file" {
						http.ServeFile(&noting{w, failed}, r, file)
						return
					}
					_, err := w.Write(make([]byte, 64<<20))
					failed <- err
				}))
				w.dial().send("GET " + path + " HTTP/1.1\r\nHost: test\r\n\r\n")
				if err := receive(t, "the write", failed); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("write: %v", err)
				}
			})
		}
	}
}

// noting hands over the error of the copy to a client.
type noting struct {
	http.ResponseWriter
	err chan error
}

func (n *noting) ReadFrom(src io.Reader) (int64, error) {
	copied, err := io.Copy(n.ResponseWriter, src)
	n.err <- err
	return copied, err
}

func TestClientThatSendsNothingOfItsBodyIsCut(t *testing.T) {
	failed, late := make(chan error), make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		failed <- err
		<-late
		_, err = io.ReadAll(r.Body)
		failed <- err
	}))
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf")
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

// TestBodyThatTheHandlerDoesNotReadIsNotWaitedForLong: net/http reads the rest of it, for the next request's sake.
func TestBodyThatTheHandlerDoesNotReadIsNotWaitedForLong(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.SocketTimeout = soon }), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf")
	c.answer()
	c.expectEnd()
}

// TestBodyThatIsNotAskedFor: the client waits to be told to go on, and the handler does not want to know.
func TestBodyThatIsNotAskedFor(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.MaxBody = later, 100 }), http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no, thanks") }))
	c := w.dial()
	c.send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	if r := c.answer(); r.code != 200 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
	_ = c.Close()
}

// TestSlowBodyIsNotCut has a client that always sends something, and a handler that takes longer after the body than
// the client may be silent: nothing is left of the body's deadlines.
func TestSlowBodyIsNotCut(t *testing.T) {
	for _, head := range []string{"Content-Length: 30\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"} {
		// A machine with other things to do may have a client pause for too long. Then more time shows whether it was that.
		limit := 100 * time.Millisecond
		err := sendSlowly(t, limit, head)
		for ; err != nil && limit < 2*time.Second; err = sendSlowly(t, limit, head) {
			limit *= 2
		}
		if err != nil {
			t.Errorf("with a limit of %s: %v", limit, err)
		}
	}
}

// sendSlowly takes three times the limit to send a body.
func sendSlowly(t *testing.T, limit time.Duration, head string) error {
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
	c.send("POST / HTTP/1.1\r\nHost: test\r\n" + head)
	piece, end := "x", ""
	if strings.HasPrefix(head, "Transfer") {
		piece, end = "1\r\nx\r\n", "0\r\n\r\n"
	}
	tick := time.NewTicker(limit / 10)
	defer tick.Stop()
	for i := range 30 {
		<-tick.C
		if i == 29 {
			piece += end
		}
		if _, err := io.WriteString(c, piece); err != nil {
			break // the handler knows why
		}
	}
	receive(t, "the end of the body", read)
	other := w.dial() // whose body's deadline passes, and so the first one's has
	other.send("POST /stall HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
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

func TestBodyTooLarge(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.ReadAll(r.Body)
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); !ok || tooLarge.Limit != 10 {
			t.Errorf("read: %v", err)
		}
	})
	mux.HandleFunc("/answer", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.ReadAll(r.Body); err != nil {
			http.Error(w, "my own words", http.StatusTeapot)
		}
	})
	mux.HandleFunc("/never", func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	mux.HandleFunc("/ok", hello)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody = 10 }), mux)

	ask := func(path, head, body string) (int, string) {
		t.Helper()
		c := w.dial()
		c.send("POST " + path + " HTTP/1.1\r\nHost: test\r\n" + head + "\r\n" + body)
		r := c.answer()
		if r.code == 413 && !r.last {
			t.Error("the connection goes on after 413")
		}
		return r.code, readAll(t, r)
	}
	const chunked = "Transfer-Encoding: chunked\r\n"
	long := "b\r\n01234567890\r\n0\r\n\r\n"
	if code, _ := ask("/never", "Content-Length: 11\r\n", ""); code != 413 {
		t.Errorf("a length too large: %d", code)
	}
	if code, _ := ask("/never", "Content-Length: 11\r\nExpect: 100-continue\r\n", ""); code != 413 {
		t.Errorf("a length too large that is to be continued: %d", code)
	}
	if code, _ := ask("/read", chunked, long); code != 413 {
		t.Errorf("chunks too large: %d", code)
	}
	if code, body := ask("/answer", chunked, long); code != http.StatusTeapot {
		t.Errorf("chunks too large, and a handler that answers: %d %s", code, body)
	}
	if code, body := ask("/ok", chunked, "a\r\n0123456789\r\n0\r\n\r\n"); code != 200 || body != "hello 0123456789" {
		t.Errorf("as large as may be: %d %s", code, body)
	}
	if code, body := w.do("POST", "/ok", "0123456789"); code != 200 || body != "hello 0123456789" {
		t.Errorf("as large as may be: %d %s", code, body)
	}
}

// TestRequestsCopyIsWhole: where the handler gets a copy of the request, what happens to one of both happens to the other.
func TestRequestsCopyIsWhole(t *testing.T) {
	trailers := make(chan string, 1)
	files := make(chan string, 1)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody, l.Harakiri = 1<<20, later }), http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/trailer" {
				_, _ = io.ReadAll(r.Body)
				trailers <- r.Trailer.Get("X-Sum")
				return
			}
			if err := r.ParseMultipartForm(1); err != nil {
				t.Error(err)
				return
			}
			file, err := r.MultipartForm.File["f"][0].Open()
			if err != nil {
				t.Error(err)
				return
			}
			defer file.Close()
			files <- file.(*os.File).Name()
		}))
	c := w.dial()
	c.send("POST /trailer HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 42\r\n\r\n")
	if sum := receive(t, "the trailer", trailers); sum != "42" {
		t.Errorf("trailer %q", sum)
	}
	c.answer()
	form := "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\n" + strings.Repeat("x", 20000) + "\r\n--b--\r\n"
	c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: test\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s",
		len(form), form))
	name := receive(t, "the file", files)
	c.answer()
	proctest.Eventually(t, "the form's file is gone", func() bool {
		_, err := os.Stat(name)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestHeadTooLarge(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.MaxHeader = 8 << 10 }), http.HandlerFunc(hello))
	for _, size := range []struct{ header, code int }{{7 << 10, 200}, {16 << 10, 431}} {
		c := w.dial()
		c.send("GET / HTTP/1.1\r\nHost: test\r\nX-Long: " + strings.Repeat("x", size.header) + "\r\n\r\n")
		if r := c.answer(); r.code != size.code {
			t.Errorf("header of %d bytes: %d", size.header, r.code)
		}
	}
}

func TestHeadThatDoesNotCome(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.HTTPTimeout = soon }), http.HandlerFunc(hello))
	silent, half, idle := w.dial(), w.dial(), w.dial()
	half.send("GET / HTTP/1.1\r\nHo")
	readAll(t, idle.do("GET", "/", ""))
	silent.expectEnd()
	idle.expectEnd()
	if r := half.answer(); r.code != 400 || !r.last {
		t.Errorf("half a head: %d", r.code)
	}
}

// TestHeadThatComesByTheByte: the time for it is for all of it, however often a part of it comes.
func TestHeadThatComesByTheByte(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.HTTPTimeout = 200 * time.Millisecond }), http.HandlerFunc(hello))
	c := w.dial()
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\nX: "); err == nil; _, err = c.Write([]byte("x")) {
		if <-tick.C; time.Since(began) > proctest.Patience {
			t.Fatal("it may take as long as it likes")
		}
	}
}

// TestHeadWithManyHeaders: what counts is how long all of them are, so that their number is bounded, too.
func TestHeadWithManyHeaders(t *testing.T) {
	w := start(t, worker.Config{}, http.HandlerFunc(hello))
	c := w.dial()
	go func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n"+strings.Repeat("a: \r\n", 50_000)+"\r\n")
	}()
	if r := c.answer(); r.code != 431 || !r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
}

// TestChunksThatAreMostlySomethingElse: extensions of chunks, and trailers, are not part of a body whose length is bounded,
// and are bounded themselves.
func TestChunksThatAreMostlySomethingElse(t *testing.T) {
	errs := make(chan error, 1)
	w := start(t, limited(func(l *worker.Limits) { l.MaxBody = 1 << 20 }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		errs <- err
	}))
	for name, body := range map[string]string{
		"a long extension":     "1;x=" + strings.Repeat("x", 10_000) + "\r\nx\r\n0\r\n\r\n",
		"many extensions":      strings.Repeat("1;x="+strings.Repeat("x", 1000)+"\r\nx\r\n", 10_000) + "0\r\n\r\n",
		"a long trailer":       "1\r\nx\r\n0\r\nX: " + strings.Repeat("x", 100_000) + "\r\n\r\n",
		"a chunk of no length": strings.Repeat("0", 10_000) + "1\r\nx\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			c := w.dial()
			go func() {
				_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"+body)
			}()
			if err := receive(t, "the error", errs); err == nil {
				t.Error("all of it was read")
			}
			if r := c.answer(); !r.last {
				t.Error("the connection goes on")
			}
		})
	}
}

// TestNoTimeLimits looks at the deadlines of a connection rather than wait for what must not happen.
func TestNoTimeLimits(t *testing.T) {
	for name, test := range map[string]struct {
		cfg worker.Config
		set bool // deadlines that will pass
	}{
		"none":           {limited(func(l *worker.Limits) { l.HTTPTimeout, l.SocketTimeout = 0, 0 }), false},
		"http-timeout":   {limited(func(l *worker.Limits) { l.SocketTimeout = 0 }), true},
		"socket-timeout": {limited(func(l *worker.Limits) { l.HTTPTimeout = 0 }), true},
	} {
		t.Run(name, func(t *testing.T) {
			l := &noted{Listener: listen(t, "tcp", "127.0.0.1:0")}
			w := startOn(t, l, test.cfg, http.HandlerFunc(hello))
			c := w.dial()
			for range 2 {
				if body := readAll(t, c.do("POST", "/", "there")); body != "hello there" {
					t.Errorf("%q", body)
				}
			}
			if l.set.Load() != test.set {
				t.Errorf("deadlines that will pass: %v, want %v", l.set.Load(), test.set)
			}
		})
	}
}

// noted is a listener that notes whether its connections have deadlines that a client could live to see.
type noted struct {
	net.Listener
	set atomic.Bool
}

func (l *noted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &notedConn{c, l}, nil
}

type notedConn struct {
	net.Conn
	l *noted
}

func (c *notedConn) note(t time.Time) {
	if until := time.Until(t); until > 0 && until < 365*24*time.Hour { // net/http aborts reads by one long past
		c.l.set.Store(true)
	}
}

func (c *notedConn) SetDeadline(t time.Time) error {
	c.note(t)
	return c.Conn.SetDeadline(t)
}

func (c *notedConn) SetReadDeadline(t time.Time) error {
	c.note(t)
	return c.Conn.SetReadDeadline(t)
}

func (c *notedConn) SetWriteDeadline(t time.Time) error {
	c.note(t)
	return c.Conn.SetWriteDeadline(t)
}

func TestHandlersOwnDeadlines(t *testing.T) {
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
	w.dial().send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\n")
	for range 2 {
		if err := receive(t, "an error", errs); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error(err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	w := startOn(t, l, limited(func(l *worker.Limits) { l.MaxHeader, l.Harakiri = -1, -1 }), nil)
	err := w.wait()
	if err == nil || !strings.Contains(err.Error(), "MaxHeader") || !strings.Contains(err.Error(), "Harakiri") {
		t.Errorf("Run: %v", err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is open: %v", err)
	}
}
