package fleet

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

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
	// Who has served for a second is replaced at once, but makes up for nothing.
	f([]time.Duration{s - 1, s - 1, s, 10*s - 1, s - 1}, []time.Duration{0, s, 0, 0, 1500 * time.Millisecond})
	f([]time.Duration{0, 0, 0, 10 * s, 0, 0}, []time.Duration{0, s, 1500 * time.Millisecond, 0, 0, s})
	// However many there were.
	b := backoff{deaths: 10_000}
	if b.died(time.Time{}, 0); b.notBefore.Sub(time.Time{}) != 30*s {
		t.Errorf("after 10,000 deaths: %v", b.notBefore.Sub(time.Time{}))
	}
}

// A worker that dies as soon as it has been started is started ten times in the first minute, and its neighbour serves.
func TestCrashLoop(t *testing.T) {
	s := newServing(t, usual(2))
	began := s.now
	s.passes(time.Second)
	s.on(died(1), "ended w1 crash", "spawn 3 w1 g1")
	var starts []time.Duration
	for next := Serial(3); s.now.Sub(began) <= 2*time.Minute; next++ {
		starts = append(starts, s.now.Sub(began))
		again := fmt.Sprintf("spawn %d w1 g1", next+1)
		if next == 3 { // the first early death
			s.on(died(next), "ended w1 crash", again)
			continue
		}
		s.on(died(next), "ended w1 crash")
		s.passes(s.fleet.Wake().Sub(s.now), again)
	}
	within := 0
	for _, at := range starts {
		if at-starts[0] < time.Minute {
			within++
		}
	}
	if within != 10 {
		t.Errorf("%d starts in the first minute: %v", within, starts)
	}
}

func TestReplaceAtOnce(t *testing.T) {
	s := newServing(t, usual(1))
	next := Serial(2)
	for _, served := range []time.Duration{0, time.Second, time.Second, 1500 * time.Millisecond} {
		s.passes(served)
		s.on(died(next-1), "ended w1 crash", fmt.Sprintf("spawn %d w1 g1", next))
		s.on(up(next), "serving")
		next++
	}
	// The second early death in a row waits, also with others between them that served for a while.
	s.on(died(next-1), "ended w1 crash")
	s.sleeps(time.Second)
	s.passes(time.Second, "spawn 6 w1 g1")
	s.on(up(6), "serving")
	s.passes(10 * time.Second)
	s.on(died(6), "ended w1 crash", "spawn 7 w1 g1")
	s.on(died(7), "ended w1 crash", "spawn 8 w1 g1") // it counts as the first again
}
