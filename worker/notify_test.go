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

// mailbox receives the notices of the worker that is started next in this process, as a master does.
type mailbox struct {
	t       *testing.T
	notices chan handoff.Notice
}

func openMailbox(t *testing.T) *mailbox {
	t.Helper()
	box, err := handoff.NewMailbox()
	check(t, err)
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

// await waits for a notice that is wanted, and returns it and those before it.
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

// setWatchdog sets the environment of a worker so that it sends heartbeats, the test's reason to wait.
func setWatchdog(t *testing.T) {
	t.Helper()
	t.Setenv("WATCHDOG_USEC", fmt.Sprint((30 * time.Millisecond).Microseconds()))
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
	w.stopped()
	select {
	case notice := <-m.notices:
		t.Errorf("unwanted notice %+v", notice)
	default:
	}
}

func TestHeartbeats(t *testing.T) {
	m := openMailbox(t)
	setWatchdog(t)
	release := make(chan struct{})
	w := start(t, limited(func(l *worker.Limits) { l.DrainTimeout = later }), http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	w.dial().send(head("GET /"))
	w.await("serving")
	for range 3 {
		m.await(func(n handoff.Notice) bool { return n.Alive && !n.Stopping })
	}
	w.drain()
	for range 3 {
		m.await(func(n handoff.Notice) bool { return n.Alive && n.Stopping })
	}
	close(release)
}

func TestMaxRequests(t *testing.T) {
	m := openMailbox(t)
	setWatchdog(t)
	stopping := func(n handoff.Notice) bool { return n.Stopping }
	// beat waits for a heartbeat, and fails the test if the worker has requested a replacement by then.
	beat := func() {
		t.Helper()
		for _, notice := range m.await(func(n handoff.Notice) bool { return n.Alive }) {
			if notice.Stopping {
				t.Fatal("it requests a replacement")
			}
		}
	}
	w := start(t, worker.Config{
		Inherited: &handoff.Inherited{Identity: handoff.Identity{Slot: 1, ID: "w1", Generation: 1}},
		Limits:    limits(func(l *worker.Limits) { l.MaxRequests, l.MaxRequestsDelta = 3, 2 }),
	}, http.HandlerFunc(hello))
	c := w.dial()
	for range 2 {
		readAll(t, c.do("GET", "/", ""))
	}
	beat()
	beat()
	for range 3 {
		readAll(t, c.do("GET", "/", ""))
	}
	m.await(stopping)
	m.await(stopping) // in each heartbeat
	if n := w.log.Count("max-requests"); n != 1 {
		t.Errorf("logged %d times", n)
	}
	r := c.do("GET", "/", "") // it serves until it is stopped
	if readAll(t, r); r.code != 200 || r.last {
		t.Errorf("%d, last %v", r.code, r.last)
	}
	_ = c.Close()
	w.stopped()

	// Without a master, nothing would replace it.
	alone := start(t, limited(func(l *worker.Limits) { l.MaxRequests = 1 }), http.HandlerFunc(hello))
	m.await(func(n handoff.Notice) bool { return n.Ready })
	alone.get("/")
	beat()
	beat()
}

func TestFailureToNotify(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/socket")
	w := start(t, worker.Config{}, http.HandlerFunc(hello))
	if line := w.await("cannot notify"); !strings.Contains(line, "/nonexistent/socket") {
		t.Error(line)
	}
	w.stopped()
	if n := w.log.Count("cannot notify"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}
