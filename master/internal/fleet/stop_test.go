package fleet

import (
	"slices"
	"syscall"
	"testing"
	"time"
)

func TestStop(t *testing.T) {
	limits := usual(3)
	limits.ShutdownDelay = 3 * time.Second
	drained := func(s *scene, drained, cut int) {
		s.Helper()
		want := []any{"workers_drained", drained, "workers_cut", cut}
		if got := s.mustLog("stopped").Args; !slices.Equal(got, want) {
			s.Errorf("stopped: %v, want %v", got, want)
		}
	}
	t.Run("graceful", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.sleeps(3 * time.Second)
		s.on(died(2), "ended w2 crash") // not replaced
		s.on(ReloadRequested{})
		noted := len(s.logged)
		s.on(Resized{+1})
		if len(s.logged) > noted {
			t.Errorf("resized: %s", s.logged[noted].Message)
		}
		s.passes(3*time.Second, "TERM 1", "TERM 3")
		s.on(died(1), "ended w1 stop")
		s.sleeps(25 * time.Second)
		s.passes(25*time.Second, "KILL 3")
		s.on(Exited{3, Exit{Status: 9}}, "ended w3 stop", "finish: the master is stopping")
		drained(s, 0, 3)
		s.on(Tick{})
		s.on(StopRequested{})
		s.on(ReloadRequested{})
	})
	t.Run("all drain", func(t *testing.T) {
		limits := limits
		limits.ShutdownDelay = 0
		s := newServing(t, limits)
		s.on(died(3), "ended w3 crash", "spawn 4 w3 g1")
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 4", "TERM 1", "TERM 2", "TERM 4")
		s.on(done(1), "ended w1 stop")
		s.on(Exited{4, Exit{Status: syscall.WaitStatus(syscall.SIGTERM)}}, "ended w3 stop") // it had no requests
		s.on(done(2), "ended w2 stop", "finish: the master is stopping")
		drained(s, 2, 0)
	})
	t.Run("all die in the delay", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.on(done(1), "ended w1 crash")
		s.on(died(2), "ended w2 crash")
		s.on(died(3), "ended w3 crash", "finish: the master is stopping")
		drained(s, 0, 3) // none was asked to exit
		if wake := s.fleet.Wake(); !wake.IsZero() {
			t.Errorf("Wake is at %v after the end", wake)
		}
	})
	t.Run("fast", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(StopRequested{Fast: true},
			"unready 1", "unready 2", "unready 3", "cut 1", "TERM 1", "cut 2", "TERM 2", "cut 3", "TERM 3")
		s.sleeps(time.Second)
		s.passes(time.Second, "KILL 1", "KILL 2", "KILL 3")
	})
	t.Run("a second time", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.passes(3*time.Second, "TERM 1", "TERM 2", "TERM 3")
		s.on(done(1), "ended w1 stop")
		s.on(StopRequested{}, "cut 2", "cut 3")
		s.sleeps(time.Second)
		s.on(done(2), "ended w2 stop")
		s.passes(time.Second, "KILL 3")
		s.on(StopRequested{}) // changes nothing
		s.on(Exited{3, Exit{Status: 9}}, "ended w3 stop", "finish: the master is stopping")
		drained(s, 2, 1)
	})
	t.Run("a second time in the delay", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.on(StopRequested{}, "cut 1", "TERM 1", "cut 2", "TERM 2", "cut 3", "TERM 3")
		s.sleeps(time.Second)
	})
	t.Run("in a reload", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(ReloadRequested{}, "prepare g2")
		s.on(ReloadRequested{})
		s.on(Prepared{Generation: 2, Limits: usual(1)}, "spawn 4 w1-1 g2")
		s.on(StopRequested{},
			"TERM 4", "retire g2", "reloaded g2: the master is stopping", "unready 1", "unready 2", "unready 3", "unready 4")
		s.on(up(4))
		s.passes(3*time.Second, "TERM 1", "TERM 2", "TERM 3")
		s.sleeps(25 * time.Second) // also for worker 4, which had more time to drain
		s.passes(25*time.Second, "KILL 1", "KILL 2", "KILL 3", "KILL 4")
	})
	t.Run("while a worker drains", func(t *testing.T) {
		limits := limits
		limits.ShutdownDelay, limits.ReloadMercy = 0, 7*time.Second
		s := newServing(t, limits)
		s.on(Resized{-1}, "TERM 3")
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3", "TERM 1", "TERM 2")
		s.sleeps(7 * time.Second) // it gets no more time
	})
	t.Run("while settings are read", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(ReloadRequested{}, "prepare g2")
		s.on(StopRequested{}, "retire g2", "reloaded g2: the master is stopping", "unready 1", "TERM 1")
		s.on(Prepared{Generation: 2, Limits: usual(1)})
		s.on(done(1), "ended w1 stop", "finish: the master is stopping")
	})
	t.Run("before enough are ready", func(t *testing.T) {
		s := newScene(t, limits)
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.on(up(1)) // the master does not report that it serves
	})
	t.Run("silent", func(t *testing.T) {
		limits := limits
		limits.Heartbeat = time.Second
		s := newServing(t, limits)
		s.on(alive(2))
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.passes(time.Second, "QUIT 2")
		s.on(StopRequested{}, "cut 1", "TERM 1", "cut 3", "TERM 3")
		s.sleeps(dumpTime)
		s.passes(dumpTime, "KILL 2")
	})
	t.Run("no mercy", func(t *testing.T) {
		limits := limits
		limits.Heartbeat, limits.StopMercy, limits.ShutdownDelay = time.Second, 0, time.Second+1
		s := newServing(t, limits)
		s.on(alive(2))
		s.on(StopRequested{}, "unready 1", "unready 2", "unready 3")
		s.passes(time.Second, "QUIT 2")
		s.passes(1, "TERM 1", "TERM 3")
		s.on(Tick{}, "KILL 1", "KILL 3")
		s.sleeps(dumpTime - 1) // there is still time for a dump
	})
}
