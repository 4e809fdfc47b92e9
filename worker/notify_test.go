package worker_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"multiproc/worker"
	"multiproc/worker/handoff"
)

// mailbox is a master's, which hears the worker that is started next in this process.
type mailbox struct {
	t       *testing.T
	notices chan handoff.Notice
}

func openMailbox(t *testing.T) *mailbox {
	t.Helper()
	box, err := handoff.NewMailbox()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("NOTIFY_SOCKET", box.Address())
	m := &mailbox{t, make(chan handoff.Notice, 1000)}
	go func() {
		defer close(m.notices)
		for {
			notice, err := box.Receive()
			if err != nil {
				return
			}
			m.notices <- notice
		}
	}()
	t.Cleanup(func() { _ = box.Close() })
	return m
}

// await waits for a notice that is as wanted, and returns those that came with it and before.
func (m *mailbox) await(wanted func(handoff.Notice) bool) (until []handoff.Notice) {
	m.t.Helper()
	for {
		notice := receive(m.t, "a notice", m.notices)
		until = append(until, notice)
		if wanted(notice) {
			return until
		}
	}
}

func TestNotices(t *testing.T) {
	m := openMailbox(t)
	w := start(t, worker.Config{}, http.HandlerFunc(hello))
	if notice := receive(t, "a notice", m.notices); !notice.Ready || notice.Status == "" {
		t.Errorf("first notice %+v", notice)
	}
	if code, _ := w.get("/"); code != 200 {
		t.Error(code)
	}
	w.stop()
	if notice := receive(t, "a notice", m.notices); !notice.Stopping || notice.Status != "draining" {
		t.Errorf("notice of the drain %+v", notice)
	}
	if err := w.wait(); err != nil {
		t.Errorf("Run: %v", err)
	}
	select {
	case notice := <-m.notices:
		t.Errorf("unwanted notice %+v", notice)
	default:
	}
}

func TestHeartbeats(t *testing.T) {
	m := openMailbox(t)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((30 * time.Millisecond).Microseconds()))
	release := make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.DrainTimeout = time.Hour }), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	w.dial().send("GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	w.await("serving")
	for range 3 {
		m.await(func(n handoff.Notice) bool { return n.Alive && !n.Stopping })
	}
	w.drain()
	for range 3 { // in the drain too
		m.await(func(n handoff.Notice) bool { return n.Alive && n.Stopping })
	}
	close(release)
}

func TestMaxRequests(t *testing.T) {
	m := openMailbox(t)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((30 * time.Millisecond).Microseconds()))
	cfg := worker.Config{
		Inherited: &handoff.Inherited{Identity: handoff.Identity{Slot: 1, ID: "w1", Generation: 1}},
		Limits:    limits(func(l *worker.Limits) { l.MaxRequests, l.MaxRequestsDelta = 3, 2 }),
	}
	w := start(t, cfg, http.HandlerFunc(hello))
	wants := func(n handoff.Notice) bool { return n.Stopping }
	c := w.dial()
	for range 2 {
		readAll(t, c.do("GET", "/", ""))
	}
	for range 2 {
		for _, notice := range m.await(func(n handoff.Notice) bool { return n.Alive }) {
			if notice.Stopping {
				t.Fatal("it wants to be replaced before the limit")
			}
		}
	}
	for range 3 {
		readAll(t, c.do("GET", "/", ""))
	}
	m.await(wants)
	m.await(wants) // in the heartbeats
	if lines := w.log.Lines("max-requests"); len(lines) != 1 {
		t.Errorf("logged %q", lines)
	}
	r := c.do("GET", "/", "") // and it serves on
	if readAll(t, r); r.code != 200 || r.last {
		t.Errorf("%d, close %v", r.code, r.last)
	}
}

// TestMaxRequestsWithoutAMaster: nobody would start another one.
func TestMaxRequestsWithoutAMaster(t *testing.T) {
	m := openMailbox(t)
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((30 * time.Millisecond).Microseconds()))
	w := start(t, limited(func(l *worker.Limits) { l.MaxRequests = 1 }), http.HandlerFunc(hello))
	w.get("/")
	for range 2 {
		for _, notice := range m.await(func(n handoff.Notice) bool { return n.Alive }) {
			if notice.Stopping {
				t.Fatal("it wants to be replaced")
			}
		}
	}
}

func TestFailureToNotifyIsLoggedOnce(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/socket")
	w := start(t, worker.Config{}, http.HandlerFunc(hello))
	if line := w.await("cannot notify"); !strings.Contains(line, "/nonexistent/socket") {
		t.Error(line)
	}
	w.stopped()
	if lines := w.log.Lines("cannot notify"); len(lines) != 1 {
		t.Errorf("logged %q", lines)
	}
}
