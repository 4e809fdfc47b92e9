package worker_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"multiproc/worker"
)

// TestIdleConnectionsMakeRoom has as many connections as there may be, all of them idle in one way or another. Who comes is
// served, and the one that was idle for the longest time is closed.
func TestIdleConnectionsMakeRoom(t *testing.T) {
	w := start(t, worker.Config{MaxConnections: 4}, http.HandlerFunc(hello)) // one of them is for the next one who comes
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

// TestBusyConnectionsAreWaitedFor has no place left, and nobody who is idle. Who waits is served when the first has its
// answer, which is the last one on its connection.
func TestBusyConnectionsAreWaitedFor(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	w := start(t, worker.Config{MaxConnections: 2}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		fmt.Fprint(w, "done")
	}))
	plain := make([]*client, 2)
	for i := range plain {
		plain[i] = w.dial()
		plain[i].send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
		receive(t, "the request", begun)
	}
	await(t, "the listener waits for a place", func() bool { return strings.Contains(allStacks(), "(*server).enter") })
	answers := make(chan string, 1)
	go func() {
		c, err := dial(t.Context(), w.addr)
		if err != nil {
			answers <- err.Error()
			return
		}
		defer c.Close()
		r, err := c.ask("GET", "/", "")
		if err != nil {
			answers <- err.Error()
			return
		}
		body, err := io.ReadAll(r.body)
		answers <- fmt.Sprint(string(body), err)
	}()
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
	if text := receive(t, "the answer to who waits", answers); text != "done<nil>" {
		t.Error(text)
	}
	release <- struct{}{}
}

// TestDrainTakesThoseWhoWait: what is in the kernel's queue is answered, though there is no place.
func TestDrainTakesThoseWhoWait(t *testing.T) {
	plainOnly(t, "a request is not sent before the connection is taken")
	begun, release := make(chan struct{}), make(chan struct{})
	w := start(t, worker.Config{MaxConnections: 1}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			begun <- struct{}{}
			<-release
		}
		fmt.Fprint(w, "done")
	}))
	busy, waiting := w.dial(), w.dial()
	busy.send("GET /slow HTTP/1.1\r\nHost: test\r\n\r\n")
	receive(t, "the request", begun)
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
	w := start(t, worker.Config{MaxConnections: 50}, http.HandlerFunc(hello))
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
