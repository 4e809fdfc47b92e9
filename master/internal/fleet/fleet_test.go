package fleet

import (
	"errors"
	"log/slog"
	"maps"
	"syscall"
	"testing"
	"time"

	"multiproc/worker/handoff"
)

func TestColdStart(t *testing.T) {
	t.Run("none ready", func(t *testing.T) {
		s := newScene(t, usual(3))
		s.on(died(2), "ended w2 crash")
		s.on(Exited{1, Exit{Err: syscall.ENOENT}}, "ended w1 crash")
		s.sleeps(time.Minute)
		s.passes(time.Minute, "QUIT 3")
		s.on(died(3), "ended w3 start-timeout", "finish: no worker became ready")
		s.mustLog("no worker became ready")
		s.on(Tick{})
		s.on(Resized{+1})
		s.on(StopRequested{})
	})
	t.Run("one ready", func(t *testing.T) {
		s := newScene(t, usual(3))
		s.on(died(1), "ended w1 crash")
		s.on(died(2), "ended w2 crash")
		s.on(up(3), "spawn 4 w1 g1", "spawn 5 w2 g1", "serving")
		s.on(died(3), "ended w3 crash", "spawn 6 w3 g1") // from now on the master does not give up
		s.on(died(4), "ended w1 crash")
		s.on(died(5), "ended w2 crash")
		s.on(died(6), "ended w3 crash")
		s.sleeps(time.Second)
	})
	t.Run("reload", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(ReloadRequested{})
		s.on(died(1), "ended w1 crash", "retire g2", "reloaded g2: no worker became ready", "finish: no worker became ready")
	})
	t.Run("stopped", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(StopRequested{}, "unready 1", "TERM 1")
		s.on(died(1), "ended w1 stop", "finish: the master is stopping")
	})
}

func TestPrepared(t *testing.T) {
	failed := errors.New("no such table")
	t.Run("ends well", func(t *testing.T) {
		s := newUnprepared(t, usual(1))
		s.on(Tick{})
		s.on(Resized{+1})
		s.on(ReloadRequested{}) // for later
		s.on(Prepared{Generation: 2, Err: failed})
		s.passes(time.Hour)
		if wake := s.fleet.Wake(); !wake.IsZero() {
			t.Errorf("Wake is at %v, want never", wake)
		}
		s.on(Prepared{Generation: 1}, "spawn 1 w1 g1", "spawn 2 w2 g1")
		s.on(Prepared{Generation: 1, Err: failed}) // repeated
		s.on(up(1), "prepare g2", "serving")
		s.on(died(2), "ended w2 crash", "spawn 3 w2 g1") // without another preparation
		s.on(Prepared{Generation: 1, Err: failed})
		s.on(Prepared{Generation: 2, Err: failed}, "retire g2", "reloaded g2: no such table")
	})
	t.Run("fails", func(t *testing.T) {
		s := newUnprepared(t, usual(2))
		s.on(ReloadRequested{})
		s.on(Prepared{Generation: 1, Err: failed}, "retire g2", "reloaded g2: no worker became ready", "finish: no worker became ready")
		s.mustLog("no worker became ready")
		s.on(Tick{})
	})
	t.Run("is given up", func(t *testing.T) {
		limits := usual(2)
		limits.ShutdownDelay = time.Second
		s := newUnprepared(t, limits)
		s.on(StopRequested{}, "finish: the master is stopping")
		s.on(Prepared{Generation: 1})
		s.on(Prepared{Generation: 1, Err: failed})
	})
}

func TestSilence(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	s := newServing(t, limits)
	if wake := s.fleet.Wake(); !wake.IsZero() {
		t.Errorf("Wake is at %v without any heartbeat", wake)
	}
	s.passes(time.Hour) // a worker that never sent a heartbeat is not silent
	s.on(alive(1))
	s.passes(6 * time.Second)
	s.on(Noticed{1, handoff.Notice{Status: "busy"}}) // any notice counts
	s.sleeps(10 * time.Second)
	s.on(alive(1))
	if status := s.fleet.Find(1).Status; status != "busy" {
		t.Errorf("status %q", status)
	}
	s.on(alive(2))
	s.passes(9 * time.Second)
	s.on(alive(2))
	// It has time for a dump, but its successor does not wait for that.
	s.passes(time.Second, "QUIT 1", "spawn 3 w1-1 g1")
	s.sleeps(dumpTime)
	s.passes(dumpTime, "KILL 1")
	s.on(Exited{1, Exit{Status: 9}}, "ended w1 silent")
	s.on(up(3))

	s = newServing(t, usual(1)) // without a limit
	s.on(alive(1))
	s.passes(time.Hour)
}

func TestStartTimeout(t *testing.T) {
	limits := usual(2)
	limits.StartTimeout, limits.StartHint = 5*time.Second, "say READY"
	limits.Heartbeat = time.Second
	s := newScene(t, limits)
	s.on(up(1), "serving")
	s.on(alive(2)) // a heartbeat does not make it ready, and its silence is not judged yet
	s.passes(5*time.Second, "QUIT 2", "spawn 3 w2-1 g1")
	if why := s.fleet.WhyLeaving(s.fleet.Find(2)); why != "start-timeout: say READY" {
		t.Errorf("worker 2 leaves for %q", why)
	}
	s.on(up(2)) // too late
	s.passes(200 * time.Millisecond)
	s.on(died(2), "ended w2 start-timeout")
	s.passes(4800*time.Millisecond, "QUIT 3")
	s.sleeps(dumpTime)
	s.passes(dumpTime, "KILL 3") // the second in a row waits
	s.sleeps(dumpTime)
	s.passes(dumpTime, "spawn 4 w2 g1")
}

// Deadlines are judged only when all messages have been read.
func TestJudgedByTickOnly(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	s := newServing(t, limits)
	s.on(alive(1))
	s.on(alive(2))
	s.now = s.now.Add(time.Minute)
	s.on(alive(1))
	s.on(Measured{2, 1})
	s.on(alive(2))
	s.on(Tick{})
	s.sleeps(10 * time.Second)
}

func TestResize(t *testing.T) {
	s := newServing(t, usual(1))
	s.on(Resized{-1})
	s.mustLog("cannot go below one worker")
	s.on(Resized{+1}, "spawn 2 w2 g1")
	s.on(Resized{+1}, "spawn 3 w3 g1")
	s.on(up(2))
	s.on(up(3))
	s.on(Resized{-1}, "TERM 3")
	s.sleeps(40 * time.Second)
	s.on(Resized{+1}, "spawn 4 w3-1 g1")
	s.on(Resized{-1}, "TERM 4")
	s.on(done(3), "ended w3 fewer")
	s.on(done(4), "ended w3-1 fewer")
	s.passes(time.Minute)
	// A failed reload keeps the number, a committed one resets it.
	s.on(ReloadRequested{}, "prepare g2")
	s.on(Prepared{Generation: 2, Err: errors.New("bad")}, "retire g2", "reloaded g2: bad")
	s.on(died(2), "ended w2 crash", "spawn 5 w2 g1")
	s.on(ReloadRequested{}, "prepare g3")
	s.on(Prepared{Generation: 3, Limits: usual(1)}, "spawn 6 w1-1 g3")
	s.on(up(6), "TERM 1", "TERM 5", "retire g1", "reloaded g3")
	s.on(Resized{-1})
}

// A pause of the master does not count against the workers.
func TestPause(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	f := func(name string, s *scene, left time.Duration) {
		t.Helper()
		s.passes(4 * time.Second)
		s.now = s.now.Add(time.Hour)
		s.on(Paused{time.Hour})
		s.on(Tick{})
		if wake := s.fleet.Wake(); !wake.Equal(s.now.Add(left)) {
			t.Errorf("%s: %v left, want %v", name, wake.Sub(s.now), left)
		}
		if s.mustLog("master was paused, deadlines moved").Level != slog.LevelWarn {
			t.Errorf("%s: not a warning", name)
		}
	}
	s := newServing(t, limits)
	s.on(alive(1))
	f("silence", s, 6*time.Second)
	s = newScene(t, limits)
	f("start", s, 56*time.Second)
	s = newServing(t, limits)
	s.on(Resized{-1}, "TERM 2")
	f("drain", s, 36*time.Second)
}

// Workers that do not notify are ready after a second.
func TestNoNotices(t *testing.T) {
	limits := usual(2)
	limits.Notifies = false
	limits.StartTimeout = 100 * time.Millisecond // ignored
	s := newScene(t, limits)
	s.sleeps(time.Second)
	s.passes(999 * time.Millisecond)
	s.on(died(2), "ended w2 crash")
	s.passes(time.Millisecond, "spawn 3 w2 g1", "serving")
	s.passes(time.Second)
	s.passes(time.Second)
	s.on(died(3), "ended w2 crash", "spawn 4 w2 g1")
	s.passes(time.Second)
	s.on(ReloadRequested{}, "prepare g2")
	next := usual(1)
	next.StartTimeout = 5 * time.Second
	s.on(Prepared{Generation: 2, Limits: next}, "spawn 5 w1-1 g2") // which notify
	s.sleeps(5 * time.Second)
	s.on(up(5), "TERM 1", "TERM 4", "retire g1", "reloaded g2")
}

func TestWords(t *testing.T) {
	limits := usual(3)
	limits.MinReady = 2
	s := newUnprepared(t, limits)
	s.words = true
	s.on(Prepared{Generation: 1}, "spawn 1 w1 g1", "few 1", "spawn 2 w2 g1", "few 2", "spawn 3 w3 g1", "few 3")
	s.on(up(1))
	s.on(up(2), "serving", "enough 1", "enough 2", "enough 3")
	s.passes(time.Second)
	s.on(Resized{-1}, "TERM 3")
	s.on(died(2), "ended w2 crash", "spawn 4 w2 g1", "few 1", "few 4")
	s.on(Resized{+1}, "spawn 5 w3-1 g1", "few 5")
	s.on(up(5), "serving", "enough 1", "enough 4", "enough 5")
	s.on(up(4))
	// Workers of the next generation count as well, but its MinReady only after the commit.
	s.on(ReloadRequested{}, "prepare g2")
	limits.MinReady = 3
	s.on(Prepared{Generation: 2, Limits: limits}, "spawn 6 w1-1 g2")
	s.on(up(6), "spawn 7 w2-1 g2", "spawn 8 w3-2 g2")
	s.on(died(4), "ended w2 crash", "spawn 9 w2 g1")
	s.on(died(5), "ended w3-1 crash", "spawn 10 w3-1 g1")
	s.on(up(7))
	s.on(up(8), "TERM 1", "TERM 9", "TERM 10", "retire g1", "reloaded g2")
	s.on(StopRequested{}, "unready 1", "unready 3", "unready 6", "unready 7", "unready 8", "unready 9", "unready 10",
		"TERM 6", "TERM 7", "TERM 8")
}

// A MinReady that cannot be reached any more means all workers.
func TestWordsWithFewerWorkers(t *testing.T) {
	limits := usual(2)
	limits.MinReady = 2
	s := newServing(t, limits)
	s.words = true
	s.on(Resized{-1}, "TERM 2")
	s.on(done(2), "ended w2 fewer")
}

// Events of a worker that has been reaped, or never existed, are ignored.
func TestUnknownWorker(t *testing.T) {
	s := newServing(t, usual(1))
	for _, n := range []Serial{0, 2, 99} {
		s.on(up(n))
		s.on(stopping(n))
		s.on(died(n))
		s.on(Measured{n, 1 << 40})
	}
	s.on(Measured{1, 1 << 40}) // no limit
}

func TestVacancies(t *testing.T) {
	s := newServing(t, usual(3))
	mustBe := func(want map[handoff.Slot]time.Duration) {
		t.Helper()
		got := map[handoff.Slot]time.Duration{}
		for slot, from := range s.fleet.Vacancies() {
			got[slot] = from.Sub(s.now)
		}
		if !maps.Equal(got, want) {
			t.Errorf("vacancies %v, want %v", got, want)
		}
	}
	mustBe(map[handoff.Slot]time.Duration{})
	s.on(died(2), "ended w2 crash", "spawn 4 w2 g1")
	mustBe(map[handoff.Slot]time.Duration{})
	s.on(died(4), "ended w2 crash")
	mustBe(map[handoff.Slot]time.Duration{2: time.Second})
	s.on(StopRequested{}, "unready 1", "unready 3", "TERM 1", "TERM 3")
	mustBe(map[handoff.Slot]time.Duration{})

	cold := newUnprepared(t, usual(2))
	for range cold.fleet.Vacancies() {
		t.Error("there are vacancies before the first generation is prepared")
	}
}

// A reload begins when it is requested, one that follows another begins at the end of that.
func TestReloadBegins(t *testing.T) {
	s := newServing(t, usual(1))
	var took []time.Duration
	happen := func(e Event) {
		for _, a := range s.fleet.Handle(s.now, e) {
			if r, ok := a.(Reloaded); ok {
				took = append(took, s.now.Sub(r.Began))
			}
		}
	}
	happen(ReloadRequested{})
	s.now = s.now.Add(time.Second)
	happen(ReloadRequested{})
	s.now = s.now.Add(2 * time.Second)
	happen(Prepared{Generation: 2, Err: ErrNoneReady})
	s.now = s.now.Add(4 * time.Second)
	happen(Prepared{Generation: 3, Limits: usual(1)})
	s.now = s.now.Add(8 * time.Second)
	happen(up(s.fleet.lastSerial))
	if len(took) != 2 || took[0] != 3*time.Second || took[1] != 12*time.Second {
		t.Errorf("reloads took %v", took)
	}
}

func TestExit(t *testing.T) {
	f := func(e Exit, text string, clean bool) {
		t.Helper()
		if e.String() != text || e.Clean() != clean {
			t.Errorf("%q, clean: %t; want %q, %t", e, e.Clean(), text, clean)
		}
	}
	f(Exit{}, "exited with code 0", true)
	f(Exit{Status: 3 << 8}, "exited with code 3", false)
	f(Exit{Status: 9}, "was killed by signal 9 (killed)", false)
	f(Exit{Err: syscall.ENOENT}, "could not be started: no such file or directory", false)
}
