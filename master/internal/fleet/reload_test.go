package fleet

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/worker/handoff"
)

func TestReload(t *testing.T) {
	limits := usual(5)
	limits.Starting = 2
	s := newServing(t, limits)
	s.on(Resized{+1}, "spawn 6 w6 g1")
	s.on(up(6))
	s.on(ReloadRequested{}, "prepare g2")
	limits.ReloadMercy = 7 * time.Second
	s.on(Prepared{Generation: 2, Limits: limits}, "spawn 7 w1-1 g2")
	s.on(Tick{}) // the first one starts alone
	s.on(up(7), "spawn 8 w2-1 g2", "spawn 9 w3-1 g2")
	s.on(Prepared{Generation: 2, Err: errors.New("repeated")})
	s.on(died(2), "ended w2 crash", "spawn 10 w2 g1") // old workers are still replaced
	s.on(up(9), "spawn 11 w4-1 g2")
	s.on(up(8), "spawn 12 w5-1 g2")
	s.on(up(12))
	s.on(up(11), "TERM 1", "TERM 3", "TERM 4", "TERM 5", "TERM 6", "TERM 10", "retire g1", "reloaded g2")
	for old, id := range map[Serial]string{1: "w1", 3: "w3", 4: "w4", 5: "w5", 10: "w2"} {
		s.on(done(old), "ended "+id+" reload")
	}
	s.sleeps(7 * time.Second) // as in the new settings
	s.passes(7*time.Second, "KILL 6")
	s.on(done(6), "ended w6 reload")
	s.on(died(9), "ended w3-1 crash", "spawn 13 w3 g2")
}

// Without a limit all workers but the first start at the same time.
func TestReloadUnbounded(t *testing.T) {
	s := newServing(t, usual(1))
	s.on(ReloadRequested{}, "prepare g2")
	s.on(Prepared{Generation: 2, Limits: usual(4)}, "spawn 2 w1-1 g2")
	s.on(up(2), "spawn 3 w2 g2", "spawn 4 w3 g2", "spawn 5 w4 g2")
	s.on(up(5))
	s.on(up(4))
	s.on(up(3), "TERM 1", "retire g1", "reloaded g2")
}

// The new generation starts at once in slots whose old workers have died too often.
func TestReloadForgetsDeaths(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(5)
	s.on(ReloadRequested{}, "prepare g2")
	s.on(Prepared{Generation: 2, Limits: usual(1)}, "spawn 7 w1-1 g2")
	s.on(up(7), "TERM 6", "retire g1", "reloaded g2", "serving")
	s.on(died(7), "ended w1-1 crash", "spawn 8 w1-1 g2")
	s.on(died(8), "ended w1-1 crash")
	s.sleeps(time.Second)
}

func TestRollBack(t *testing.T) {
	limits := usual(3)
	limits.Heartbeat = 9 * time.Second
	limits.ReloadMercy = 7 * time.Second
	f := func(name string, happens func(s *scene)) {
		t.Run(name, func(t *testing.T) {
			s := newServing(t, usual(3))
			s.on(ReloadRequested{}, "prepare g2")
			happens(s)
			// The old workers are unaffected, and another reload may follow.
			for n := range Serial(3) {
				if w := s.fleet.Find(n + 1); w == nil || w.Phase != Ready || w.Leaving != "" {
					t.Errorf("worker %d: %+v", n+1, w)
				}
			}
			s.on(ReloadRequested{}, "prepare g3")
			s.on(Prepared{Generation: 2, Limits: limits}) // too late
		})
	}
	begin := func(s *scene) {
		s.on(Prepared{Generation: 2, Limits: limits}, "spawn 4 w1-1 g2")
		s.on(up(4), "spawn 5 w2-1 g2", "spawn 6 w3-1 g2")
		s.on(alive(4))
	}
	f("settings", func(s *scene) {
		s.on(Prepared{Generation: 2, Err: errors.New("no such key")}, "retire g2", "reloaded g2: no such key")
	})
	f("first cannot be started", func(s *scene) {
		s.on(Prepared{Generation: 2, Limits: limits}, "spawn 4 w1-1 g2")
		s.on(Exited{4, Exit{Err: syscall.ENOENT}},
			"ended w1-1 crash", "retire g2", "reloaded g2: worker w1-1 could not be started: no such file or directory (4)")
	})
	f("ends before it is ready", func(s *scene) {
		begin(s)
		s.on(up(5))
		s.on(died(6), "ended w3-1 crash", "TERM 4", "TERM 5", "retire g2", "reloaded g2: worker w3-1 exited with code 1 (6)")
		s.sleeps(7 * time.Second)
	})
	f("ends after it was ready", func(s *scene) {
		begin(s)
		s.on(died(4), "ended w1-1 crash", "TERM 5", "TERM 6", "retire g2", "reloaded g2: worker w1-1 exited with code 1 (4)")
	})
	f("not ready in time", func(s *scene) {
		begin(s)
		for range 6 {
			s.passes(8 * time.Second)
			s.on(alive(4))
		}
		s.passes(4 * time.Second)
		s.on(alive(4))
		s.passes(8*time.Second, "TERM 4", "TERM 6", "retire g2", "reloaded g2: worker w2-1: start-timeout (5)", "QUIT 5")
	})
	f("silent", func(s *scene) {
		begin(s)
		s.sleeps(9 * time.Second)
		s.passes(9*time.Second, "TERM 5", "TERM 6", "retire g2", "reloaded g2: worker w1-1: silent (4)", "QUIT 4")
		s.passes(dumpTime, "KILL 4")
	})
}

func TestReloadCoalesces(t *testing.T) {
	commit := func(s *scene, more ...string) {
		s.Helper()
		s.on(Prepared{Generation: 2, Limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(up(2), append([]string{"TERM 1", "retire g1", "reloaded g2"}, more...)...)
	}
	t.Run("before any worker is ready", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(ReloadRequested{})
		s.on(ReloadRequested{})
		s.on(up(1), "prepare g2", "serving")
		commit(s)
	})
	t.Run("while too many drain", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(ReloadRequested{}, "prepare g2")
		commit(s)
		s.on(ReloadRequested{}, "prepare g3")
		s.on(Prepared{Generation: 3, Limits: usual(1)}, "spawn 3 w1-2 g3")
		s.on(up(3), "TERM 2", "retire g2", "reloaded g3")
		s.on(ReloadRequested{})
		s.on(ReloadRequested{})
		s.on(done(1), "ended w1 reload", "prepare g4")
		s.on(Prepared{Generation: 4, Err: errors.New("bad")}, "retire g4", "reloaded g4: bad")
	})
	t.Run("reading the settings", func(t *testing.T) { // which may have changed after they were read
		s := newServing(t, usual(1))
		s.on(ReloadRequested{}, "prepare g2")
		s.on(ReloadRequested{})
		s.on(ReloadRequested{})
		commit(s, "prepare g3")
		s.on(Prepared{Generation: 3, Err: errors.New("bad")}, "retire g3", "reloaded g3: bad")
	})
	t.Run("starting workers", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(ReloadRequested{}, "prepare g2")
		s.on(Prepared{Generation: 2, Limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(ReloadRequested{})
		s.on(ReloadRequested{})
		s.on(died(2), "ended w1-1 crash", "retire g2", "reloaded g2: worker w1-1 exited with code 1 (2)", "prepare g3")
		s.on(Prepared{Generation: 3, Err: errors.New("bad")}, "retire g3", "reloaded g3: bad")
	})
	t.Run("without old workers", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(ReloadRequested{}, "prepare g2")
		s.on(Prepared{Generation: 2, Limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(ReloadRequested{})
		for n := Serial(1); n == 1 || n == 3; n += 2 {
			s.on(died(n), []string{"ended w1 crash", "spawn 3 w1 g1"}[:2-int(n)/2]...)
		}
		s.on(up(2), "retire g1", "reloaded g2", "prepare g3", "serving")
	})
}

// At most twice as many workers drain as serve: a reload that would exceed this waits.
func TestReloadWaitsForDraining(t *testing.T) {
	s := newServing(t, usual(2))
	reload := func(g handoff.Generation, first Serial, ids, old string) {
		s.Helper()
		ids1, ids2, _ := strings.Cut(ids, " ")
		old1, old2, _ := strings.Cut(old, " ")
		s.on(Prepared{Generation: g, Limits: usual(2)}, fmt.Sprintf("spawn %d %s g%d", first, ids1, g))
		s.on(up(first), fmt.Sprintf("spawn %d %s g%d", first+1, ids2, g))
		s.on(up(first+1), "TERM "+old1, "TERM "+old2, fmt.Sprintf("retire g%d", g-1), fmt.Sprintf("reloaded g%d", g))
	}
	s.on(ReloadRequested{}, "prepare g2")
	reload(2, 3, "w1-1 w2-1", "1 2")
	s.on(ReloadRequested{}, "prepare g3") // two drain, two more may
	reload(3, 5, "w1-2 w2-2", "3 4")
	s.on(ReloadRequested{})
	s.on(done(2), "ended w2 reload")
	s.on(stopping(5)) // not replaced meanwhile, or the reload might wait forever
	s.on(done(3), "ended w1-1 reload", "prepare g4")
	reload(4, 7, "w1-1 w2", "5 6")
	// A worker that does not exit is killed, and does not hold up the reload.
	s.on(ReloadRequested{})
	s.passes(40*time.Second, "KILL 1", "KILL 4", "KILL 5", "KILL 6")
	s.on(done(1), "ended w1 reload")
	s.on(done(5), "ended w1-2 reload", "prepare g5")
}
