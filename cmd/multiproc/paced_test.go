package main

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// paced are clients that ask at a steady rate, when they were answered, and when workers that they ask were killed: those
// requests alone may fail that a worker had in its last moment.
type paced struct {
	server   *server
	stopping chan struct{}
	stopOnce sync.Once
	asking   sync.WaitGroup
	clients  int

	mu       sync.Mutex
	answers  []time.Time // in the order in which they came
	failures []failedRequest
	deaths   []death
}

// failedRequest is one that got no answer, or not the one that was wanted.
type failedRequest struct {
	began, ended time.Time
	err          error
}

// death is the time in which a worker was killed, as far as it is known.
type death struct{ from, to time.Time }

// deathSlack is how much later than its death a client may still write to a worker, for not having heard of it.
const deathSlack = 100 * time.Millisecond

// startPaced makes the place for clients, which ask until stop or the test's end.
func startPaced(s *server) *paced {
	p := &paced{server: s, stopping: make(chan struct{})}
	s.tb.Cleanup(p.stop)
	return p
}

// ask has one more client ask every so often. Who waits for an answer for longer than that leaves out some.
func (p *paced) ask(every time.Duration, once func() error) {
	p.clients++
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
				p.failures = append(p.failures, failedRequest{began, ended, err})
			}
			p.mu.Unlock()
		}
	})
}

func (p *paced) stop() {
	p.stopOnce.Do(func() { close(p.stopping) })
	p.asking.Wait()
}

// await waits for so many more answers.
func (p *paced) await(n int) {
	p.server.tb.Helper()
	count := func() int {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.answers)
	}
	from := count()
	eventually(p.server.tb, "answers", func() bool { return count() >= from+n })
}

// kill kills a worker.
func (p *paced) kill(pid int) {
	from := time.Now()
	kill(p.server.tb, pid, syscall.SIGKILL)
	awaitGone(p.server.tb, pid)
	p.died(from)
}

// awaitDeath waits until the master has killed a worker.
func (p *paced) awaitDeath(pid int) {
	p.server.tb.Helper()
	var from time.Time
	eventually(p.server.tb, fmt.Sprintf("the death of worker %d", pid), func() bool {
		now := time.Now()
		if alive(pid) {
			from = now
			return false
		}
		return true
	})
	p.died(from)
}

func (p *paced) died(from time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaths = append(p.deaths, death{from, time.Now()})
}

// diedWithin is whether a worker was killed in a time.
func (p *paced) diedWithin(from, to time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.deaths, func(d death) bool {
		return !from.After(d.to.Add(deathSlack)) && !to.Before(d.from)
	})
}

// between is how many answers came in a time.
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

// mustHaveLostNone stops the clients, and fails the test where a request has failed that no killed worker can have had.
func (p *paced) mustHaveLostNone() {
	tb := p.server.tb
	tb.Helper()
	p.stop()
	var wrong []string
	for _, f := range p.failures {
		if !p.diedWithin(f.began, f.ended) {
			wrong = append(wrong, fmt.Sprintf("from %s for %s: %v", f.began.Format(time.StampMicro), f.ended.Sub(f.began), f.err))
		}
	}
	if len(wrong) > 0 {
		tb.Errorf("%d requests failed while no worker was killed:\n%s", len(wrong), strings.Join(wrong[:min(10, len(wrong))], "\n"))
	}
	if len(p.answers) == 0 || len(p.failures) > len(p.deaths)*p.clients {
		tb.Errorf("%d of %d requests failed, at %d deaths of workers and with %d clients",
			len(p.failures), len(p.answers)+len(p.failures), len(p.deaths), p.clients)
	}
	tb.Logf("%d requests answered, %d failed with the worker that had them; %d workers were killed",
		len(p.answers), len(p.failures)-len(wrong), len(p.deaths))
}
