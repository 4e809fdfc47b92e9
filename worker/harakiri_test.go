package worker_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"multiproc/worker"
	"multiproc/worker/handoff"
)

// soon is a deadline that passes at once, as tests go; later is one that does not.
const (
	soon  = 50 * time.Millisecond
	later = time.Hour
)

func TestHarakiriAnswersForTheHandler(t *testing.T) {
	cases := map[string]struct {
		request string
		handler func(w http.ResponseWriter, r *http.Request)
	}{
		"waits for its context": {
			"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
			func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		},
		"writes headers and what is buffered": {
			"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
			func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, "of no use")
				for i := 0; r.Context().Err() == nil; i++ {
					w.Header().Set("X-Count", fmt.Sprint(i)) // at the very moment of the deadline
				}
			},
		},
		"reads a body that does not come": {
			"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf",
			func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the body was read")
				}
				<-r.Context().Done()
			},
		},
		"reads a body after a 100 Continue": {
			"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n",
			func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				<-r.Context().Done()
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			causes, late := make(chan error, 1), make(chan error, 1)
			w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				c.handler(w, r)
				causes <- context.Cause(r.Context())
				_, err := io.WriteString(w, strings.Repeat("too late", 1000))
				late <- err
			}))
			client := w.dial()
			client.send(c.request)
			r := client.answer()
			if r.code == http.StatusContinue {
				r = client.answer()
			}
			if body := readAll(t, r); r.code != 503 || body != "the request took too long\n" || !r.last {
				t.Errorf("%d %q, close %v", r.code, body, r.last)
			}
			client.expectEnd()
			if cause := receive(t, "the context's end", causes); !errors.Is(cause, worker.ErrHarakiri) {
				t.Errorf("cause %v", cause)
			}
			if err := receive(t, "the late write", late); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("late write: %v", err)
			}
		})
	}
}

// TestHarakiriAnswersWhoStillSends: the handler leaves a body unread that the client first wants to get rid of. A client that
// takes too long for that gets no answer, as it may on a machine with other things to do: it tries again.
func TestHarakiriAnswersWhoStillSends(t *testing.T) {
	const length = 8 << 20 // more than the kernel takes, where one end has a small buffer
	config := net.ListenConfig{Control: smallBuffer}
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startOn(t, l, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	ask := func() error {
		c := w.dial()
		defer c.Close()
		r, err := c.ask("POST", "/", strings.Repeat("x", length))
		if err != nil {
			return err
		}
		if body := readAll(t, r); r.code != 503 || body != "the request took too long\n" || !r.last {
			return fmt.Errorf("%d %q, close %v", r.code, body, r.last)
		}
		return nil
	}
	for range 5 {
		if err = ask(); err == nil {
			return
		}
	}
	t.Error(err)
}

// smallBuffer has what comes to a listener's connections wait at the other end.
func smallBuffer(_, _ string, socket syscall.RawConn) error {
	var failed error
	err := socket.Control(func(fd uintptr) {
		failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
	})
	return errors.Join(err, failed)
}

// TestHarakiriInTheMiddleOfAWrite has handlers that write when their source has something, which is at the deadline.
func TestHarakiriInTheMiddleOfAWrite(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = time.Millisecond }), http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if _, err := io.Copy(w, &sourceAfter{r.Context().Done(), 100_000}); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("write: %v", err)
			}
		}))
	for range 300 {
		if code, body := w.get("/"); code != 503 || body != "the request took too long\n" {
			t.Fatalf("%d %.100q", code, body)
		}
	}
}

// sourceAfter has so many bytes after an event.
type sourceAfter struct {
	event <-chan struct{}
	n     int
}

func (s *sourceAfter) Read(p []byte) (int, error) {
	<-s.event
	n := min(len(p), s.n)
	s.n -= n
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestHarakiriAnswersHead(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	c := w.dial()
	if r := c.do("HEAD", "/", ""); r.code != 503 {
		t.Error(r.code)
	}
	c.expectEnd()
}

func TestHarakiriCutsAnAnswerThatHasBegun(t *testing.T) {
	late := make(chan error, 1)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begun")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		late <- http.NewResponseController(w).Flush()
	}))
	r := w.dial().do("GET", "/", "")
	if body, err := io.ReadAll(r.body); string(body) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v, want a body that is cut", body, err)
	}
	if err := receive(t, "the late flush", late); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("late flush: %v", err)
	}
}

// TestHarakiriCutsAWriteThatWaits has a handler whose write waits for a client that takes nothing.
func TestHarakiriCutsAWriteThatWaits(t *testing.T) {
	failed := make(chan error, 1)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				failed <- err
				return
			}
		}
	}))
	w.dial().send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if err := receive(t, "the write", failed); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("write: %v", err)
	}
}

// TestHarakiriRaces has handlers that write at about the deadline: each client gets one whole answer.
func TestHarakiriRaces(t *testing.T) {
	const limit = 3 * time.Millisecond
	var requests atomic.Int64
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = limit }), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(limit + time.Duration(requests.Add(1)%21-10)*50*time.Microsecond)
		fmt.Fprint(w, "in time")
	}))
	answers := make(map[int]int)
	for range 200 {
		c := w.dial()
		r := c.do("GET", "/", "")
		body := readAll(t, r)
		if r.code == 200 && body != "in time" || r.code == 503 && body != "the request took too long\n" {
			t.Fatalf("%d %q", r.code, body)
		}
		answers[r.code]++
		if r.code == 200 {
			readAll(t, c.do("GET", "/", "")) // either answer: the connection is good
		}
		_ = c.Close()
	}
	if answers[200] == 0 || answers[503] == 0 || len(answers) != 2 {
		t.Errorf("answers %v", answers)
	}
}

func TestExtendDeadline(t *testing.T) {
	parts := make(chan string)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		worker.ExtendDeadline(context.WithoutCancel(r.Context()), later)
		// By now another request's deadline has passed that began later.
		for part := range parts {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("the context has ended: %v", err)
		}
		worker.ExtendDeadline(r.Context(), 0)
		<-r.Context().Done()
	}))
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	parts <- "one "
	other := start(t, limited(func(l *worker.Limits) { l.Harakiri = 2 * soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
	}))
	if code, _ := other.get("/"); code != 503 {
		t.Errorf("the other request: %d", code)
	}
	parts <- "two"
	close(parts)
	body, err := io.ReadAll(c.answer().body)
	if string(body) != "one two" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v", body, err)
	}
	worker.ExtendDeadline(t.Context(), later) // of no request: nothing happens
}

// TestExtendDeadlineOfAnEarlierRequest: a context outlives its request, whose connection goes on.
func TestExtendDeadlineOfAnEarlierRequest(t *testing.T) {
	contexts := make(chan context.Context, 1)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			contexts <- r.Context()
			return
		}
		worker.ExtendDeadline(<-contexts, later)
		<-r.Context().Done()
	}))
	c := w.dial()
	readAll(t, c.do("GET", "/quick", ""))
	if r := c.do("GET", "/slow", ""); r.code != 503 {
		t.Error(r.code)
	}
}

func TestHijackLeavesHarakiri(t *testing.T) {
	conns := make(chan net.Conn, 1)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			<-r.Context().Done()
			return
		}
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer nc.Close()
		conns <- nc
		line, err := rw.ReadString('\n')
		if err != nil {
			t.Errorf("the hijacked connection: %v", err)
		}
		_, _ = rw.WriteString(line)
		_ = rw.Flush()
	}))
	c := w.dial()
	c.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	receive(t, "the connection", conns)
	if code, _ := w.get("/slow"); code != 503 { // it began later
		t.Error(code)
	}
	c.send("are you there?\n")
	if line, err := io.ReadAll(c); err != nil || string(line) != "are you there?\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestHarakiriOfAHandlerThatHangs: the worker says so, and serves on.
func TestHarakiriOfAHandlerThatHangs(t *testing.T) {
	notices := openMailbox(t)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/hang", func(http.ResponseWriter, *http.Request) { theHandlerThatHangs(release) })
	mux.HandleFunc("/", hello)
	cfg := limited(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, soon })
	w := start(t, cfg, mux)
	for range 2 {
		if code, _ := w.get("/hang"); code != 503 {
			t.Errorf("the request that hangs: %d", code)
		}
	}
	notices.await(func(n handoff.Notice) bool { return n.Stuck })
	if line := w.await("does not return"); !strings.Contains(line, "theHandlerThatHangs") {
		t.Errorf("no goroutines in the log: %s", line)
	}
	notices.await(func(n handoff.Notice) bool { return n.Stuck }) // of the other request
	if lines := w.log.Lines("does not return"); len(lines) != 1 {
		t.Errorf("logged %d times", len(lines))
	}
	if code, body := w.get("/"); code != 200 {
		t.Errorf("another request: %d %s", code, body)
	}
	w.stop() // the drain does not wait for the handler
	if err := w.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	close(release)
	expectNoGoroutines(t)
}

// TestHarakiriWithoutGrace: the handler should have returned with the client's answer. One that has is not reported.
func TestHarakiriWithoutGrace(t *testing.T) {
	notices := openMailbox(t)
	release := make(chan struct{})
	returned := make(chan struct{}, 1)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, 0 }), http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hang" {
				theHandlerThatHangs(release)
				return
			}
			<-r.Context().Done()
			returned <- struct{}{}
		}))
	for range 3 {
		c := w.dial() // and is not closed before the handler is done
		r := c.do("GET", "/", "")
		if readAll(t, r); r.code != 503 {
			t.Error(r.code)
		}
		receive(t, "the handler's end", returned)
		c.expectEnd()
	}
	if lines := w.log.Lines("does not return"); len(lines) > 0 {
		t.Error(lines)
	}
	if code, _ := w.get("/hang"); code != 503 {
		t.Error(code)
	}
	began := time.Now()
	notices.await(func(n handoff.Notice) bool { return n.Stuck })
	if took := time.Since(began); took >= 4*time.Second {
		t.Errorf("reported after %s, as by default", took)
	}
	close(release)
}

func theHandlerThatHangs(release chan struct{}) { <-release }

func TestHarakiriOfAHandlerThatReturnsInTimeIsNotReported(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, 2*soon }), http.HandlerFunc(
		func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	for range 3 { // the last one's deadline passes after the first one's grace
		if code, _ := w.get("/"); code != 503 {
			t.Error(code)
		}
	}
	if lines := w.log.Lines("does not return"); len(lines) > 0 {
		t.Error(lines)
	}
}

func TestPanicAfterHarakiriIsLogged(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic("oh no")
	}))
	if code, _ := w.get("/"); code != 503 {
		t.Error(code)
	}
	w.await("oh no")
}
