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

	"multiproc/internal/proctest"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// soon is a deadline that passes during a test; later is one that does not.
const (
	soon  = 50 * time.Millisecond
	later = time.Hour
)

// startHarakiri starts a worker whose requests may take until soon.
func startHarakiri(t *testing.T, handler http.HandlerFunc) *running {
	t.Helper()
	return start(t, limited(func(l *worker.Limits) { l.Harakiri = soon }), handler)
}

// wait is a handler that returns when its context ends.
func wait(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// checkTimeout checks the answer to a request that took too long.
func checkTimeout(t *testing.T, r answer) {
	t.Helper()
	if body := readAll(t, r); r.code != 503 || body != "the request took too long\n" || !r.last {
		t.Errorf("%d %.100q, last %v", r.code, body, r.last)
	}
}

// TestHarakiri has handlers that are in different places at the deadline.
func TestHarakiri(t *testing.T) {
	for name, test := range map[string]struct {
		request string
		handler func(w http.ResponseWriter, r *http.Request)
	}{
		"waits for its context": {head("GET /"), wait},
		"writes headers and what is buffered": {
			head("GET /"),
			func(w http.ResponseWriter, r *http.Request) {
				fmt.Fprint(w, "lost")
				for i := 0; r.Context().Err() == nil; i++ {
					w.Header().Set("X-Count", fmt.Sprint(i)) // also at the moment of the deadline
				}
			},
		},
		"reads a body that does not come": {
			head("POST /", "Content-Length: 10") + "half",
			func(_ http.ResponseWriter, r *http.Request) {
				if _, err := io.ReadAll(r.Body); err == nil {
					t.Error("the body was read")
				}
				<-r.Context().Done()
			},
		},
		"reads a body after a 100 Continue": {
			head("POST /", "Content-Length: 10", "Expect: 100-continue"),
			func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				<-r.Context().Done()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			causes, late := make(chan error, 1), make(chan error, 1)
			w := startHarakiri(t, func(w http.ResponseWriter, r *http.Request) {
				test.handler(w, r)
				causes <- context.Cause(r.Context())
				_, err := io.WriteString(w, strings.Repeat("too late", 1000))
				late <- err
			})
			client := w.dial()
			client.send(test.request)
			r := client.answer()
			if r.code == http.StatusContinue {
				r = client.answer()
			}
			checkTimeout(t, r)
			client.expectEnd()
			if cause := receive(t, "the end of the context", causes); !errors.Is(cause, worker.ErrHarakiri) {
				t.Errorf("cause %v", cause)
			}
			if err := receive(t, "the late write", late); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("late write: %v", err)
			}
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		c := startHarakiri(t, wait).dial()
		if r := c.do("HEAD", "/", ""); r.code != 503 {
			t.Error(r.code)
		}
		c.expectEnd()
	})
}

// TestHarakiriWhileTheClientSends has a client that sends all of its body before it reads the answer, and a handler that does not
// read it. On a busy machine the client may take too long for an answer, so it tries again.
func TestHarakiriWhileTheClientSends(t *testing.T) {
	t.Parallel()
	const length = 8 << 20 // more than the kernel takes
	// Accepted connections inherit a small buffer.
	config := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) error {
		var failed error
		err := socket.Control(func(fd uintptr) {
			failed = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 64<<10)
		})
		return errors.Join(err, failed)
	}}
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	check(t, err)
	w := startOn(t, l, limited(func(l *worker.Limits) { l.Harakiri = soon }), http.HandlerFunc(wait))
	for range 5 {
		c := w.dial()
		var r answer
		if r, err = c.ask("POST", "/", strings.Repeat("x", length)); err == nil {
			checkTimeout(t, r)
			return
		}
	}
	t.Error(err)
}

// TestHarakiriDuringAWrite has handlers that begin to write at the deadline.
func TestHarakiriDuringAWrite(t *testing.T) {
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = time.Millisecond }), http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			if _, err := io.Copy(w, strings.NewReader(strings.Repeat("x", 100_000))); !errors.Is(err, http.ErrHandlerTimeout) {
				t.Errorf("write: %v", err)
			}
		}))
	for range proctest.Rounds(100, 300) {
		if code, body := w.get("/"); code != 503 || body != "the request took too long\n" {
			t.Fatalf("%d %.100q", code, body)
		}
	}
}

func TestHarakiriAfterABeginning(t *testing.T) {
	late := make(chan error, 1)
	w := startHarakiri(t, func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "begun")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		late <- http.NewResponseController(w).Flush()
	})
	r := w.dial().do("GET", "/", "")
	if body, err := io.ReadAll(r.body); string(body) != "begun" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%q, %v, want a body that is cut", body, err)
	}
	if err := receive(t, "the late flush", late); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("late flush: %v", err)
	}
}

// TestHarakiriOfABlockedWrite has a handler whose write waits for a client that takes nothing.
func TestHarakiriOfABlockedWrite(t *testing.T) {
	failed := make(chan error, 1)
	w := startHarakiri(t, func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		failed <- err
	})
	w.dial().send(head("GET /"))
	if err := receive(t, "the write", failed); !errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("write: %v", err)
	}
}

// TestHarakiriRaces has handlers that answer near the deadline: each client gets one whole answer.
func TestHarakiriRaces(t *testing.T) {
	const limit = 3 * time.Millisecond
	var requests atomic.Int64
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri = limit }), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(limit + time.Duration(requests.Add(1)%21-10)*50*time.Microsecond)
		fmt.Fprint(w, "in time")
	}))
	answers := make(map[int]int)
	for range proctest.Rounds(100, 300) {
		c := w.dial()
		r := c.do("GET", "/", "")
		body := readAll(t, r)
		if r.code == 200 && body != "in time" || r.code == 503 && body != "the request took too long\n" {
			t.Fatalf("%d %q", r.code, body)
		}
		answers[r.code]++
		if r.code == 200 {
			readAll(t, c.do("GET", "/", "")) // the connection goes on
		}
		_ = c.Close()
	}
	if answers[200] == 0 || answers[503] == 0 || len(answers) != 2 {
		t.Errorf("answers %v", answers)
	}
}

func TestExtendDeadline(t *testing.T) {
	parts := make(chan string)
	w := startHarakiri(t, func(w http.ResponseWriter, r *http.Request) {
		worker.ExtendDeadline(context.WithoutCancel(r.Context()), later)
		for part := range parts {
			fmt.Fprint(w, part)
			w.(http.Flusher).Flush()
		}
		if err := r.Context().Err(); err != nil {
			t.Errorf("the context has ended: %v", err)
		}
		worker.ExtendDeadline(r.Context(), 0)
		<-r.Context().Done()
	})
	c := w.dial()
	c.send(head("GET /"))
	parts <- "one "
	other := start(t, limited(func(l *worker.Limits) { l.Harakiri = 2 * soon }), http.HandlerFunc(wait))
	if code, _ := other.get("/"); code != 503 { // it began later, and its deadline was later
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

// TestExtendDeadlineOfAnEarlierRequest uses the context of a request that is over. Its connection has another one.
func TestExtendDeadlineOfAnEarlierRequest(t *testing.T) {
	contexts := make(chan context.Context, 1)
	w := startHarakiri(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/quick" {
			contexts <- r.Context()
			return
		}
		worker.ExtendDeadline(<-contexts, later)
		<-r.Context().Done()
	})
	c := w.dial()
	readAll(t, c.do("GET", "/quick", ""))
	if r := c.do("GET", "/slow", ""); r.code != 503 {
		t.Error(r.code)
	}
}

func TestHijackEndsHarakiri(t *testing.T) {
	conns := make(chan net.Conn, 1)
	w := startHarakiri(t, func(w http.ResponseWriter, r *http.Request) {
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
	})
	c := w.dial()
	c.send(head("GET /"))
	receive(t, "the connection", conns)
	if code, _ := w.get("/slow"); code != 503 { // it began later
		t.Error(code)
	}
	c.send("echo\n")
	if line, err := io.ReadAll(c); err != nil || string(line) != "echo\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestHarakiriOfAStuckHandler checks that the worker reports it, and serves on.
func TestHarakiriOfAStuckHandler(t *testing.T) {
	notices := openMailbox(t)
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/stuck", func(http.ResponseWriter, *http.Request) { stuckHandler(release) })
	mux.HandleFunc("/", hello)
	w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, soon }), mux)
	for range 2 {
		if code, _ := w.get("/stuck"); code != 503 {
			t.Errorf("the stuck request: %d", code)
		}
	}
	stuck := func(n handoff.Notice) bool { return n.Stuck }
	notices.await(stuck)
	if line := w.await("does not return"); !strings.Contains(line, "stuckHandler") {
		t.Errorf("no goroutines in the log: %s", line)
	}
	notices.await(stuck) // of the other request
	if n := w.log.Count("does not return"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	if code, body := w.get("/"); code != 200 {
		t.Errorf("another request: %d %s", code, body)
	}
	w.stopped() // without waiting for the handler
	close(release)
	expectNoGoroutines(t)
}

func stuckHandler(release chan struct{}) { <-release }

// TestHarakiriGrace checks that a handler that returns in time is not reported: without a grace, before the client has its answer.
func TestHarakiriGrace(t *testing.T) {
	for _, grace := range []time.Duration{0, 2 * soon} {
		t.Run(grace.String(), func(t *testing.T) {
			notices := openMailbox(t)
			release := make(chan struct{})
			defer close(release)
			returned := make(chan struct{}, 1)
			w := start(t, limited(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, grace }), http.HandlerFunc(
				func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/stuck" {
						stuckHandler(release)
						return
					}
					<-r.Context().Done()
					returned <- struct{}{}
				}))
			for range 3 { // the last deadline passes after the first grace
				c := w.dial() // not closed before the handler returns
				if r := c.do("GET", "/", ""); r.code != 503 {
					t.Error(r.code)
				}
				receive(t, "the end of the handler", returned)
			}
			if lines := w.log.Lines("does not return"); len(lines) > 0 {
				t.Error(lines)
			}
			if code, _ := w.get("/stuck"); code != 503 {
				t.Error(code)
			}
			began := time.Now()
			notices.await(func(n handoff.Notice) bool { return n.Stuck })
			if took := time.Since(began); took >= 4*time.Second {
				t.Errorf("reported after %s, as by default", took)
			}
		})
	}
}

func TestPanicAfterHarakiri(t *testing.T) {
	w := startHarakiri(t, func(_ http.ResponseWriter, r *http.Request) {
		<-r.Context().Done()
		panic("oh no")
	})
	if code, _ := w.get("/"); code != 503 {
		t.Error(code)
	}
	w.await("handler panicked", "oh no")
}
