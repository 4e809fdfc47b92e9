package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"multiproc/worker/handoff"
)

func TestRecycle(t *testing.T) {
	limits := usual(2)
	limits.MaxAnon = 1000
	limits.MaxLifetime, limits.MaxLifetimeDelta = time.Hour, 10*time.Minute
	limits.ReloadMercy = 7 * time.Second
	f := func(name string, happens func(s *scene)) {
		t.Run(name, func(t *testing.T) {
			s := newServing(t, limits)
			s.passes(time.Minute)
			happens(s)
			if w := s.fleet.Find(1); w.Phase != Ready || w.Leaving != Reason(name) {
				t.Errorf("it does not continue to serve: %+v", w)
			}
			s.passes(10 * time.Second) // it serves until its successor is ready
			s.on(up(3), "TERM 1")
			s.sleeps(7 * time.Second)
			s.on(done(1), "ended w1 "+name)
		})
	}
	f("requests", func(s *scene) {
		s.on(stopping(1), "spawn 3 w1-1 g1")
		s.on(Noticed{1, handoff.Notice{Stuck: true}}) // the first reason counts
	})
	f("stuck", func(s *scene) {
		s.on(Noticed{1, handoff.Notice{Stuck: true}}, "spawn 3 w1-1 g1")
	})
	f("memory", func(s *scene) {
		s.on(Measured{1, 1000})
		s.on(Measured{1, 1001}, "spawn 3 w1-1 g1")
	})
}

// Workers of the same age are replaced at different times.
func TestLifetime(t *testing.T) {
	limits := usual(2)
	limits.MaxLifetime, limits.MaxLifetimeDelta = time.Hour, 10*time.Minute
	s := newServing(t, limits)
	began := s.now
	first, second := s.fleet.Find(1), s.fleet.Find(2)
	for _, w := range []*Worker{first, second} {
		if age := w.replaceAt.Sub(began); age < time.Hour || age >= 70*time.Minute {
			t.Errorf("worker %d is replaced after %v", w.Serial, age)
		}
	}
	if first.replaceAt.Equal(second.replaceAt) {
		t.Error("all workers are replaced at the same time")
	}
	if first.replaceAt.After(second.replaceAt) {
		first, second = second, first
	}
	due := second.replaceAt
	s.passes(first.replaceAt.Sub(began) - 1)
	s.passes(1, fmt.Sprintf("spawn 3 %s-1 g1", first.Identity.ID))
	s.on(up(3), fmt.Sprintf("TERM %d", first.Serial))
	s.on(done(first.Serial), fmt.Sprintf("ended %s lifetime", first.Identity.ID))
	s.sleeps(due.Sub(s.now))

	limits.MaxLifetimeDelta = 0
	s = newServing(t, limits)
	s.sleeps(time.Hour)
}

func TestRecycleOneAtATime(t *testing.T) {
	s := newServing(t, usual(3))
	s.passes(time.Minute)
	s.on(stopping(3), "spawn 4 w3-1 g1")
	s.on(stopping(1))
	s.on(stopping(2))
	s.on(up(4), "TERM 3", "spawn 5 w1-1 g1")
	s.on(up(5), "TERM 1", "spawn 6 w2-1 g1")
	s.on(died(2), "ended w2 crash") // its successor is starting
	s.on(up(6))
}

// A successor that fails is started again like any other worker; meanwhile another worker is replaced.
func TestRecycleFails(t *testing.T) {
	s := newServing(t, usual(2))
	s.passes(time.Minute)
	s.on(stopping(1), "spawn 3 w1-1 g1")
	s.on(stopping(2))
	s.on(died(3), "ended w1-1 crash", "spawn 4 w1-1 g1")
	s.on(died(4), "ended w1-1 crash", "spawn 5 w2-1 g1")
	s.on(up(5), "TERM 2")
	s.on(done(2), "ended w2 requests")
	s.sleeps(time.Second)
	s.passes(time.Second, "spawn 6 w1-1 g1")
	s.on(up(6), "TERM 1")
}

// Deaths before a worker that has served long do not count against its successor.
func TestRecycleResetsBackoff(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(3)
	s.on(up(4), "serving")
	s.passes(10 * time.Second)
	s.on(stopping(4), "spawn 5 w1-1 g1")
	s.on(died(5), "ended w1-1 crash", "spawn 6 w1-1 g1")
	s.on(died(6), "ended w1-1 crash")
	s.sleeps(time.Second) // deaths of its successors count, though it still serves
	s.passes(time.Second, "spawn 7 w1-1 g1")
	s.on(died(7), "ended w1-1 crash")
	s.sleeps(1500 * time.Millisecond)
}

// A worker of the next generation does not reset the backoff of the current one.
func TestComingWorkerKeepsBackoff(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(3)
	s.on(ReloadRequested{}, "prepare g2")
	s.on(Prepared{Generation: 2, Limits: usual(2)}, "spawn 5 w1-1 g2")
	s.on(up(5), "spawn 6 w2 g2", "serving")
	s.passes(10 * time.Second)
	s.on(stopping(5))
	s.on(died(4), "ended w1 crash")
	s.sleeps(2250 * time.Millisecond)
}

// A worker that asks to be replaced as soon as it is ready does not get around the backoff.
func TestRecycleWaits(t *testing.T) {
	s := newServing(t, usual(1))
	s.passes(300 * time.Millisecond)
	s.on(stopping(1))
	s.sleeps(700 * time.Millisecond)
	s.passes(700*time.Millisecond, "spawn 2 w1-1 g1")
	s.on(Noticed{2, handoff.Notice{Ready: true, Stopping: true}}, "TERM 1")
	s.on(done(1), "ended w1 requests")
	s.on(done(2), "ended w1-1 requests", "spawn 3 w1 g1")
	s.on(Noticed{3, handoff.Notice{Ready: true, Stopping: true}}, "serving")
	s.on(done(3), "ended w1 requests")
	s.sleeps(time.Second)
}

func TestRecycleBoundsDraining(t *testing.T) {
	s := newServing(t, usual(1))
	s.passes(time.Second)
	s.on(stopping(1), "spawn 2 w1-1 g1")
	s.on(up(2), "TERM 1")
	s.passes(time.Second)
	s.on(stopping(2), "spawn 3 w1-2 g1")
	s.on(up(3), "TERM 2")
	s.passes(time.Second)
	s.on(stopping(3))
	s.on(done(2), "ended w1-1 requests", "spawn 4 w1-1 g1")
}

// A reload replaces all workers, so no others are replaced at that time.
func TestNoRecycleInReload(t *testing.T) {
	s := newServing(t, usual(2))
	s.passes(time.Second)
	s.on(stopping(1), "spawn 3 w1-1 g1")
	s.on(ReloadRequested{}, "prepare g2")
	s.on(stopping(2))
	s.on(up(3), "TERM 1") // a replacement in progress continues
	s.on(Prepared{Generation: 2, Limits: usual(2)}, "spawn 4 w1-2 g2")
	s.on(stopping(4)) // too early, it is not ready
	s.on(up(4), "spawn 5 w2-1 g2")
	s.on(stopping(4))
	s.passes(10 * time.Second)
	s.on(died(5), "ended w2-1 crash", "TERM 4", "retire g2", "reloaded g2: worker w2-1 exited with code 1 (5)", "spawn 6 w2-1 g1")
}

func TestBackoff(t *testing.T) {
	const s = time.Second
	f := func(served, want []time.Duration) {
		t.Helper()
		var b backoff
		now := time.Unix(1_000_000_000, 0)
		var got []time.Duration
		for _, d := range served {
			b.died(now, d)
			got = append(got, b.notBefore.Sub(now).Round(time.Millisecond))
		}
		if !slices.Equal(got, want) {
			t.Errorf("served %v: got %v, want %v", served, got, want)
		}
	}
	f(make([]time.Duration, 12), []time.Duration{
		0, s, 1500 * time.Millisecond, 2250 * time.Millisecond, 3375 * time.Millisecond, 5063 * time.Millisecond,
		7594 * time.Millisecond, 11391 * time.Millisecond, 17086 * time.Millisecond, 25629 * time.Millisecond, 30 * s, 30 * s,
	})
	// A worker that has served for a second is replaced at once, but does not reset the count.
	f([]time.Duration{s - 1, s - 1, s, 10*s - 1, s - 1}, []time.Duration{0, s, 0, 0, 1500 * time.Millisecond})
	f([]time.Duration{0, 0, 0, 10 * s, 0, 0}, []time.Duration{0, s, 1500 * time.Millisecond, 0, 0, s})
	// The wait does not overflow.
	b := backoff{deaths: 10_000}
	if b.died(time.Time{}, 0); b.notBefore.Sub(time.Time{}) != 30*s {
		t.Errorf("after 10,000 deaths: %v", b.notBefore.Sub(time.Time{}))
	}
}
