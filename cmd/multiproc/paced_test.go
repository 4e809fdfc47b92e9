package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// paced is a set of clients that send requests at a steady rate, with the times of the answers and of the workers' deaths:
// only requests that a worker had in its last moment may fail.
type paced struct {
	server   *testServer
	stopping chan struct{}
	stopOnce sync.Once
	asking   sync.WaitGroup
	kept     int // clients with keep-alive

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

// lostByKill is the number of requests that a killed worker may have had, for each of many: they take a few milliseconds.
const lostByKill = 3

// deathSlack is the time after a worker's death in which a client that keeps a connection may still write to it.
const deathSlack = 100 * time.Millisecond

// startPaced returns an empty set of clients, which run until stop or the end of the test.
func startPaced(s *testServer) *paced {
	p := &paced{server: s, stopping: make(chan struct{})}
	s.tb.Cleanup(p.stop)
	return p
}

// ask adds a client that sends a request at this interval, with or without keep-alive. A client that waits longer for an
// answer skips some.
func (p *paced) ask(every time.Duration, keeps bool, once func() error) {
	if keeps {
		p.kept++
	}
	p.asking.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-p.stopping:
				return
			case <-ticker.C:
			}
			began := time.Now()
			err := once()
			p.mu.Lock()
			if ended := time.Now(); err == nil {
				p.answers = append(p.answers, ended)
			} else {
				p.failures = append(p.failures, failedRequest{began, ended, keeps, err})
			}
			p.mu.Unlock()
		}
	})
}

func (p *paced) stop() {
	p.stopOnce.Do(func() { close(p.stopping) })
	p.asking.Wait()
}

// await waits for n more answers.
func (p *paced) await(n int) {
	p.server.tb.Helper()
	count := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.answers)
	}
	from := count()
	proctest.Eventually(p.server.tb, "answers", func() bool { return count() >= from+n })
}

// kill kills a worker.
func (p *paced) kill(pid int) {
	from := time.Now()
	proctest.Kill(p.server.tb, pid, syscall.SIGKILL)
	proctest.AwaitGone(p.server.tb, pid)
	p.died(from)
}

// awaitDeath waits until the master has killed a worker that was stopped at a time.
func (p *paced) awaitDeath(pid int, stopped time.Time) {
	p.server.tb.Helper()
	proctest.AwaitGone(p.server.tb, pid)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths = append(p.deaths, death{stopped, time.Now(), true})
}

func (p *paced) died(from time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths = append(p.deaths, death{from, time.Now(), false})
}

// diedWithin reports whether a worker was killed in a period.
func (p *paced) diedWithin(from, to time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.deaths, func(d death) bool {
		return !from.After(d.to) && !to.Before(d.from)
	})
}

// excused reports whether a request can have failed because the worker that had its connection was killed.
func (p *paced) excused(f failedRequest) bool {
	from := f.began
	if f.keeps {
		from = from.Add(-deathSlack)
	}
	return diedWithConn(f.err) && p.diedWithin(from, f.ended)
}

// mayLose returns the number of requests that may be lost with the killed workers. Every client with keep-alive may be
// waiting for a stopped worker.
func (p *paced) mayLose() int {
	n := 0
	for _, d := range p.deaths {
		n += lostByKill
		if d.stopped {
			n += p.kept
		}
	}
	return n
}

// between returns the number of answers in a period.
func (p *paced) between(from, to time.Time) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, at := range p.answers {
		if at.After(from) && !at.After(to) {
			n++
		}
	}
	return n
}

// mustHaveLostNone stops the clients and fails the test for each failed request that no killed worker can have had.
func (p *paced) mustHaveLostNone() {
	tb := p.server.tb
	tb.Helper()
	p.stop()
	var wrong []string
	for _, f := range p.failures {
		if !p.excused(f) {
			wrong = append(wrong, fmt.Sprintf("from %s for %s: %v", f.began.Format(time.StampMicro), f.ended.Sub(f.began), f.err))
		}
	}
	if len(wrong) > 0 {
		tb.Errorf("%d requests failed that no killed worker can have had:\n%s", len(wrong), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
	if len(p.answers) == 0 || len(p.failures) > p.mayLose() {
		tb.Errorf("%d of %d requests failed, at %d deaths of workers, with which at most %d may be lost",
			len(p.failures), len(p.answers)+len(p.failures), len(p.deaths), p.mayLose())
	}
	tb.Logf("%d requests answered, %d failed with the worker that had them; %d workers were killed",
		len(p.answers), len(p.failures)-len(wrong), len(p.deaths))
}

// mustBeCounted compares the counted requests with the answers, allowing for those that a killed process had.
func (p *paced) mustBeCounted(by string, counted float64) {
	p.server.tb.Helper()
	answered, lost := len(p.answers), len(p.failures)
	p.server.tb.Logf("%s: %g requests are counted, %d were answered and %d lost", by, counted, answered, lost)
	if counted < float64(answered) || counted > float64(answered+lost) {
		p.server.tb.Errorf("%s: %g requests are counted, %d were answered and %d lost", by, counted, answered, lost)
	}
}

// TestExcused excuses a lost connection only at the time of a death, and only so many.
func TestExcused(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(1_000_000 + int64(ms)) }
	p := &paced{kept: 2, deaths: []death{{from: at(1000), to: at(1010)}}}
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
		if got := p.excused(failedRequest{at(test.began), at(test.ended), test.keeps, test.err}); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
	p.deaths = append(p.deaths, death{stopped: true})
	if got := p.mayLose(); got != 2*lostByKill+2 {
		t.Errorf("%d may be lost", got)
	}
}
