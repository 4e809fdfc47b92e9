package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// load is a set of clients that send requests at a steady rate, with the times of the answers and of the workers' deaths:
// only requests that a killed worker had in its last moment may fail.
type load struct {
	server   *testServer
	stopping chan struct{}
	stopOnce sync.Once
	asking   sync.WaitGroup
	kept     int // clients with keep-alive
	clients  []*http.Client

	mu       sync.Mutex
	answers  []time.Time // in the order of arrival
	failures []failedRequest
	deaths   []death
}

// failedRequest got no answer, or not the expected one.
type failedRequest struct {
	began, ended time.Time
	keeps        bool // its client keeps connections
	err          error
}

// death is the time in which a worker was killed, as far as it is known.
type death struct {
	from, to time.Time
	stopped  bool // before, since clients have waited for it
}

// lostByKill is the number of requests that may be lost per killed worker, on average: a request takes a few milliseconds.
const lostByKill = 3

// deathSlack is how long after a worker's death a client may still write to a kept connection.
const deathSlack = 100 * time.Millisecond

// client is one source of a load.
type client struct {
	network   string // tcp, unix or tls
	address   string
	path      string // to /echo it posts
	keepAlive bool
}

// startLoad starts clients, which run until stop or the end of the test. The pace is moderate: at full speed the load would slow down
// the reloads and starts that it is meant to coincide with.
func startLoad(s *testServer, clients ...client) *load {
	l := &load{server: s, stopping: make(chan struct{})}
	for _, c := range clients {
		by := dialingClient(c.network, c.address, c.keepAlive)
		l.clients = append(l.clients, by)
		l.ask(10*time.Millisecond, c.keepAlive, func() error {
			if err := s.requestBy(by, c.path); err != nil {
				return fmt.Errorf("%+v: %w", c, err)
			}
			return nil
		})
	}
	s.tb.Cleanup(l.stop)
	return l
}

// allKinds returns clients of the application of the tests, with and without keep-alive, half of each with POST.
func allKinds(network, address string) []client {
	return []client{
		{network, address, "/pid", true},
		{network, address, "/echo", true},
		{network, address, "/pid", false},
		{network, address, "/echo", false},
	}
}

// startSlow sends requests that take this long to the application of the tests, and waits until all are being handled.
func startSlow(s *testServer, n int, d time.Duration) *load {
	s.tb.Helper()
	l := startLoad(s)
	by := dialingClient("tcp", s.address, false)
	for range n {
		l.asking.Go(func() { l.record(false, func() error { return s.requestBy(by, "/slow?for="+d.String()) }) })
	}
	proctest.Eventually(s.tb, "all requests in flight", func() bool {
		return s.valueOf("http_requests_in_flight") >= float64(n+1) // this connection, too
	})
	return l
}

// mustAnswer waits for slow requests, all of which must have been answered.
func (l *load) mustAnswer(n int) {
	l.server.tb.Helper()
	l.asking.Wait()
	if len(l.answers) != n {
		l.server.tb.Errorf("%d of %d requests were answered: %v\n%s", len(l.answers), n, l.failures, l.server.log)
	}
}

// ask adds a client that sends a request at this interval, with or without keep-alive. A client that waits longer for an
// answer skips some.
func (l *load) ask(every time.Duration, keeps bool, once func() error) {
	if keeps {
		l.kept++
	}
	l.asking.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-l.stopping:
				return
			case <-ticker.C:
			}
			l.record(keeps, once)
		}
	})
}

// record sends a request and records when it was answered, or why not.
func (l *load) record(keeps bool, once func() error) {
	began := time.Now()
	err := once()
	l.mu.Lock()
	defer l.mu.Unlock()
	if ended := time.Now(); err == nil {
		l.answers = append(l.answers, ended)
	} else {
		l.failures = append(l.failures, failedRequest{began, ended, keeps, err})
	}
}

func (l *load) stop() {
	l.stopOnce.Do(func() { close(l.stopping) })
	l.asking.Wait()
	for _, client := range l.clients {
		client.CloseIdleConnections() // for which a draining worker would wait
	}
}

// await waits for n more answers.
func (l *load) await(n int) {
	l.server.tb.Helper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.answers)
	}
	from := count()
	proctest.Eventually(l.server.tb, "answers", func() bool { return count() >= from+n })
}

// kill kills a worker.
func (l *load) kill(pid int) {
	from := time.Now()
	proctest.Kill(l.server.tb, pid, syscall.SIGKILL)
	proctest.AwaitGone(l.server.tb, pid)
	l.died(from)
}

// awaitDeath waits until the master has killed a worker that was stopped at a time.
func (l *load) awaitDeath(pid int, stopped time.Time) {
	l.server.tb.Helper()
	proctest.AwaitGone(l.server.tb, pid)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaths = append(l.deaths, death{stopped, time.Now(), true})
}

func (l *load) died(from time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.deaths = append(l.deaths, death{from, time.Now(), false})
}

// diedWithin reports whether a worker was killed in a period.
func (l *load) diedWithin(from, to time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.deaths, func(d death) bool {
		return !from.After(d.to) && !to.Before(d.from)
	})
}

// excused reports whether a request can have failed because the worker that had its connection was killed.
func (l *load) excused(f failedRequest) bool {
	from := f.began
	if f.keeps {
		from = from.Add(-deathSlack)
	}
	return diedWithConn(f.err) && l.diedWithin(from, f.ended)
}

// mayLose returns the number of requests that may be lost with the killed workers. Every client with keep-alive may be
// waiting for a stopped worker.
func (l *load) mayLose() int {
	n := 0
	for _, d := range l.deaths {
		n += lostByKill
		if d.stopped {
			n += l.kept
		}
	}
	return n
}

// between returns the number of answers in a period.
func (l *load) between(from, to time.Time) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, at := range l.answers {
		if at.After(from) && !at.After(to) {
			n++
		}
	}
	return n
}

// mustHaveLostNone stops the clients and fails the test for each failed request that no killed worker can have had.
func (l *load) mustHaveLostNone() {
	tb := l.server.tb
	tb.Helper()
	l.stop()
	var wrong []string
	for _, f := range l.failures {
		if !l.excused(f) {
			wrong = append(wrong, fmt.Sprintf("from %s for %s: %v", f.began.Format(time.StampMicro), f.ended.Sub(f.began), f.err))
		}
	}
	if len(wrong) > 0 {
		tb.Errorf("%d requests failed that no killed worker can have had:\n%s\n%s", len(wrong),
			strings.Join(wrong[:min(10, len(wrong))], "\n"), l.server.log)
	}
	if len(l.answers) == 0 || len(l.failures) > l.mayLose() {
		tb.Errorf("%d of %d requests failed, at %d deaths of workers, with which at most %d may be lost",
			len(l.failures), len(l.answers)+len(l.failures), len(l.deaths), l.mayLose())
	}
	tb.Logf("%d requests answered, %d failed with the worker that had them; %d workers were killed",
		len(l.answers), len(l.failures)-len(wrong), len(l.deaths))
}

// mustBeCounted compares the counted requests with the answers, allowing for those that a killed process had.
func (l *load) mustBeCounted(by string, counted float64) {
	l.server.tb.Helper()
	answered, lost := len(l.answers), len(l.failures)
	l.server.tb.Logf("%s: %g requests are counted, %d were answered and %d lost", by, counted, answered, lost)
	if counted < float64(answered) || counted > float64(answered+lost) {
		l.server.tb.Errorf("%s: %g requests are counted, %d were answered and %d lost", by, counted, answered, lost)
	}
}

// TestExcused excuses a lost connection only at the time of a death, and only so many.
func TestExcused(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	l := &load{kept: 2, deaths: []death{{from: at(1000), to: at(1010)}}}
	for _, test := range []struct {
		began, ended int
		keeps        bool
		err          error
		want         bool
	}{
		{900, 1005, false, io.EOF, true},
		{900, 999, false, io.EOF, false},
		{1050, 1060, false, io.EOF, false},
		{1050, 1060, true, io.EOF, true},
		{1111, 1120, true, io.EOF, false},
		{900, 1005, true, fmt.Errorf("read: %w", syscall.ECONNRESET), true},
		{900, 1005, true, &net.OpError{Op: "dial", Err: syscall.ECONNRESET}, false},
		{900, 1005, true, context.DeadlineExceeded, false},
		{900, 1005, true, wantCode(200, reply{code: 500}, nil), false},
	} {
		if got := l.excused(failedRequest{at(test.began), at(test.ended), test.keeps, test.err}); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
	l.deaths = append(l.deaths, death{stopped: true})
	if got := l.mayLose(); got != 2*lostByKill+2 {
		t.Errorf("%d may be lost", got)
	}
}
