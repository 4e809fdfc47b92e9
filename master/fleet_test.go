package master

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/worker/handoff"
)

// scene is a fleet and its clock. Workers go by their serials.
type scene struct {
	*testing.T
	fleet *fleet
	now   time.Time
	words bool // few and enough are looked at
	notes []note
}

// usual are limits that no test is about.
func usual(workers int) Limits {
	return Limits{
		Workers:      workers,
		Notifies:     true,
		StartTimeout: 60 * time.Second,
		ReloadMercy:  40 * time.Second,
		StopMercy:    25 * time.Second,
	}
}

// newUnprepared has nothing started.
func newUnprepared(t *testing.T, limits Limits) *scene {
	t.Helper()
	return &scene{T: t, fleet: newFleet(limits, rand.New(rand.NewPCG(1, 1))), now: time.Unix(1_000_000_000, 0)}
}

// newScene has the first workers started, but not ready.
func newScene(t *testing.T, limits Limits) *scene {
	t.Helper()
	s := newUnprepared(t, limits)
	var want []string
	for n := range limits.Workers {
		want = append(want, fmt.Sprintf("spawn %d w%d g1", n+1, n+1))
	}
	s.on(prepared{generation: 1, limits: limits}, want...)
	return s
}

// newServing has the first workers ready.
func newServing(t *testing.T, limits Limits) *scene {
	t.Helper()
	s := newScene(t, limits)
	for n := range limits.Workers {
		want := []string{}
		if n+1 == max(1, limits.MinReady) {
			want = append(want, "serving")
		}
		s.on(up(serial(n+1)), want...)
	}
	return s
}

// on lets something happen and compares what is to be done about it.
func (s *scene) on(e event, want ...string) {
	s.Helper()
	var got []string
	for _, a := range s.fleet.handle(s.now, e) {
		switch a := a.(type) {
		case note:
			s.notes = append(s.notes, a)
			s.mustBeJSON(a)
		case tell:
			if s.words || a.word != handoff.Few && a.word != handoff.Enough {
				got = append(got, inWords(a))
			}
		default:
			got = append(got, inWords(a))
		}
	}
	if !slices.Equal(got, want) {
		s.Fatalf("%T%+v\n got %s\nwant %s", e, e, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

// passes lets time pass with ticks when they are due, and compares what is to be done by its end; at its end means then.
func (s *scene) passes(d time.Duration, want ...string) {
	s.Helper()
	end := s.now.Add(d)
	for wake := s.fleet.wake(); !wake.IsZero() && wake.Before(end); wake = s.fleet.wake() {
		s.now = wake
		s.on(tick{})
	}
	s.now = end
	s.on(tick{}, want...)
}

// sleeps checks that nothing is due for this long.
func (s *scene) sleeps(d time.Duration) {
	s.Helper()
	if wake := s.fleet.wake(); !wake.Equal(s.now.Add(d)) {
		s.Fatalf("sleeps for %v, not %v", wake.Sub(s.now), d)
	}
}

// crash has the worker that was started last die n times as soon as it was started.
func (s *scene) crash(n int) {
	s.Helper()
	for range n {
		s.fleet.handle(s.now, died(s.fleet.last))
		if wake := s.fleet.wake(); len(s.fleet.workers) == 0 {
			s.now = wake
			s.fleet.handle(s.now, tick{})
		}
	}
}

func (s *scene) noted(message string) note {
	s.Helper()
	for _, n := range slices.Backward(s.notes) {
		if n.message == message {
			return n
		}
	}
	s.Fatalf("not noted: %s", message)
	return note{}
}

// mustBeJSON looks at a note as a log of JSON has it: what has no form there is empty.
func (s *scene) mustBeJSON(n note) {
	s.Helper()
	var line strings.Builder
	slog.New(slog.NewJSONHandler(&line, nil)).Log(s.Context(), n.level, "note", n.args...)
	if strings.Contains(line.String(), "{}") || strings.Contains(line.String(), "!ERROR") {
		s.Errorf("in the log: %s", &line)
	}
}

func inWords(a action) string {
	switch a := a.(type) {
	case spawn:
		return fmt.Sprintf("spawn %d %s g%d", a.serial, a.identity.ID, a.identity.Generation)
	case kill:
		name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT", syscall.SIGKILL: "KILL"}[a.signal]
		return fmt.Sprintf("%s %d", name, a.serial)
	case tell:
		word := map[handoff.Word]string{
			handoff.Few: "few", handoff.Enough: "enough", handoff.Unready: "unready", handoff.Cut: "cut",
		}[a.word]
		return fmt.Sprintf("%s %d", word, a.serial)
	case prepare:
		return fmt.Sprintf("prepare g%d", a.generation)
	case retire:
		return fmt.Sprintf("retire g%d", a.generation)
	case reloaded:
		text := fmt.Sprintf("reloaded g%d", a.generation)
		if a.failed != nil {
			text += ": " + a.failed.Error()
		}
		if a.culprit != 0 {
			text += fmt.Sprintf(" (%d)", a.culprit)
		}
		return text
	case serving:
		return "serving"
	case finish:
		return fmt.Sprintf("finish %d", a.code)
	case ended:
		return fmt.Sprintf("ended %s %s", a.identity.ID, a.why)
	}
	return fmt.Sprintf("%T%+v", a, a)
}

func up(s serial) event { return noticed{s, handoff.Notice{Ready: true}} }

func alive(s serial) event { return noticed{s, handoff.Notice{Alive: true}} }

func stopping(s serial) event { return noticed{s, handoff.Notice{Stopping: true}} }

func died(s serial) event { return exited{s, exit{status: 1 << 8}} }

func done(s serial) event { return exited{s, exit{}} }

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
	for next := serial(3); s.now.Sub(began) <= 2*time.Minute; next++ {
		starts = append(starts, s.now.Sub(began))
		again := fmt.Sprintf("spawn %d w1 g1", next+1)
		if next == 3 { // the first early death
			s.on(died(next), "ended w1 crash", again)
			continue
		}
		s.on(died(next), "ended w1 crash")
		s.passes(s.fleet.wake().Sub(s.now), again)
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
	next := serial(2)
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

func TestColdStart(t *testing.T) {
	t.Run("none ready", func(t *testing.T) {
		s := newScene(t, usual(3))
		s.on(died(2), "ended w2 crash")
		s.on(exited{1, exit{failed: syscall.ENOENT}}, "ended w1 crash")
		s.sleeps(time.Minute)
		s.passes(time.Minute, "QUIT 3")
		s.on(died(3), "ended w3 start-timeout", "finish 3")
		s.noted("no worker became ready")
		s.on(tick{})
		s.on(resized{+1})
		s.on(stopAsked{})
	})
	t.Run("one ready", func(t *testing.T) {
		s := newScene(t, usual(3))
		s.on(died(1), "ended w1 crash")
		s.on(died(2), "ended w2 crash")
		s.on(up(3), "spawn 4 w1 g1", "spawn 5 w2 g1", "serving")
		s.on(died(3), "ended w3 crash", "spawn 6 w3 g1") // from now on the master stays
		s.on(died(4), "ended w1 crash")
		s.on(died(5), "ended w2 crash")
		s.on(died(6), "ended w3 crash")
		s.sleeps(time.Second)
	})
	t.Run("reload", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(reloadAsked{})
		s.on(died(1), "ended w1 crash", "retire g2", "reloaded g2: no worker became ready", "finish 3")
	})
	t.Run("stopped", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(stopAsked{}, "unready 1", "TERM 1")
		s.on(died(1), "ended w1 stop", "finish 0")
	})
}

func TestPrelude(t *testing.T) {
	failed := errors.New("no such table")
	t.Run("ends well", func(t *testing.T) {
		s := newUnprepared(t, usual(1))
		s.on(tick{})
		s.on(resized{+1})
		s.on(reloadAsked{}) // for later
		s.on(prepared{generation: 2, failed: failed})
		s.passes(time.Hour)
		if wake := s.fleet.wake(); !wake.IsZero() {
			t.Errorf("something is due at %v", wake)
		}
		s.on(prepared{generation: 1}, "spawn 1 w1 g1", "spawn 2 w2 g1")
		s.on(prepared{generation: 1, failed: failed}) // said twice
		s.on(up(1), "prepare g2", "serving")
		s.on(died(2), "ended w2 crash", "spawn 3 w2 g1") // without another one
		s.on(prepared{generation: 1, failed: failed})
		s.on(prepared{generation: 2, failed: failed}, "retire g2", "reloaded g2: no such table")
	})
	t.Run("fails", func(t *testing.T) {
		s := newUnprepared(t, usual(2))
		s.on(reloadAsked{})
		s.on(prepared{generation: 1, failed: failed}, "retire g2", "reloaded g2: no worker became ready", "finish 3")
		s.noted("no worker became ready")
		s.on(tick{})
	})
	t.Run("is given up", func(t *testing.T) {
		limits := usual(2)
		limits.ShutdownDelay = time.Second
		s := newUnprepared(t, limits)
		s.on(stopAsked{}, "finish 0")
		s.on(prepared{generation: 1})
		s.on(prepared{generation: 1, failed: failed})
	})
}

func TestReload(t *testing.T) {
	limits := usual(5)
	limits.Starting = 2
	s := newServing(t, limits)
	s.on(resized{+1}, "spawn 6 w6 g1")
	s.on(up(6))
	s.on(reloadAsked{}, "prepare g2")
	limits.ReloadMercy = 7 * time.Second
	s.on(prepared{generation: 2, limits: limits}, "spawn 7 w1-1 g2")
	s.on(tick{}) // the first one goes alone
	s.on(up(7), "spawn 8 w2-1 g2", "spawn 9 w3-1 g2")
	s.on(prepared{generation: 2, failed: errors.New("said twice")})
	s.on(died(2), "ended w2 crash", "spawn 10 w2 g1") // the old ones are kept up
	s.on(up(9), "spawn 11 w4-1 g2")
	s.on(up(8), "spawn 12 w5-1 g2")
	s.on(up(12))
	s.on(up(11), "TERM 1", "TERM 3", "TERM 4", "TERM 5", "TERM 6", "TERM 10", "retire g1", "reloaded g2")
	for old, id := range map[serial]string{1: "w1", 3: "w3", 4: "w4", 5: "w5", 10: "w2"} {
		s.on(done(old), "ended "+id+" reload")
	}
	s.sleeps(7 * time.Second) // what the new settings say
	s.passes(7*time.Second, "KILL 6")
	s.on(done(6), "ended w6 reload")
	s.on(died(9), "ended w3-1 crash", "spawn 13 w3 g2")
}

// All of them may start at a time where nothing is said about it, but for the first.
func TestReloadUnbounded(t *testing.T) {
	s := newServing(t, usual(1))
	s.on(reloadAsked{}, "prepare g2")
	s.on(prepared{generation: 2, limits: usual(4)}, "spawn 2 w1-1 g2")
	s.on(up(2), "spawn 3 w2 g2", "spawn 4 w3 g2", "spawn 5 w4 g2")
	s.on(up(5))
	s.on(up(4))
	s.on(up(3), "TERM 1", "retire g1", "reloaded g2")
}

// What has died too often under the old settings is started at once under the new ones.
func TestReloadForgetsDeaths(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(5)
	s.on(reloadAsked{}, "prepare g2")
	s.on(prepared{generation: 2, limits: usual(1)}, "spawn 7 w1-1 g2")
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
			s.on(reloadAsked{}, "prepare g2")
			happens(s)
			// The old ones never noticed, and another reload has its chance.
			for n := range serial(3) {
				if w := s.fleet.find(n + 1); w == nil || w.phase != ready || w.leaving != "" {
					t.Errorf("worker %d: %+v", n+1, w)
				}
			}
			s.on(reloadAsked{}, "prepare g3")
			s.on(prepared{generation: 2, limits: limits}) // too late
		})
	}
	begin := func(s *scene) {
		s.on(prepared{generation: 2, limits: limits}, "spawn 4 w1-1 g2")
		s.on(up(4), "spawn 5 w2-1 g2", "spawn 6 w3-1 g2")
		s.on(alive(4))
	}
	f("settings", func(s *scene) {
		s.on(prepared{generation: 2, failed: errors.New("no such key")}, "retire g2", "reloaded g2: no such key")
	})
	f("first cannot be started", func(s *scene) {
		s.on(prepared{generation: 2, limits: limits}, "spawn 4 w1-1 g2")
		s.on(exited{4, exit{failed: syscall.ENOENT}},
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
		s.on(prepared{generation: 2, limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(up(2), append([]string{"TERM 1", "retire g1", "reloaded g2"}, more...)...)
	}
	t.Run("before anybody is ready", func(t *testing.T) {
		s := newScene(t, usual(1))
		s.on(reloadAsked{})
		s.on(reloadAsked{})
		s.on(up(1), "prepare g2", "serving")
		commit(s)
	})
	t.Run("waiting for a place", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(reloadAsked{}, "prepare g2")
		commit(s)
		s.on(reloadAsked{}, "prepare g3")
		s.on(prepared{generation: 3, limits: usual(1)}, "spawn 3 w1-2 g3")
		s.on(up(3), "TERM 2", "retire g2", "reloaded g3")
		s.on(reloadAsked{})
		s.on(reloadAsked{})
		s.on(done(1), "ended w1 reload", "prepare g4")
		s.on(prepared{generation: 4, failed: errors.New("bad")}, "retire g4", "reloaded g4: bad")
	})
	t.Run("reading the settings", func(t *testing.T) { // which may have changed since they were read
		s := newServing(t, usual(1))
		s.on(reloadAsked{}, "prepare g2")
		s.on(reloadAsked{})
		s.on(reloadAsked{})
		commit(s, "prepare g3")
		s.on(prepared{generation: 3, failed: errors.New("bad")}, "retire g3", "reloaded g3: bad")
	})
	t.Run("starting workers", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(reloadAsked{}, "prepare g2")
		s.on(prepared{generation: 2, limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(reloadAsked{})
		s.on(reloadAsked{})
		s.on(died(2), "ended w1-1 crash", "retire g2", "reloaded g2: worker w1-1 exited with code 1 (2)", "prepare g3")
		s.on(prepared{generation: 3, failed: errors.New("bad")}, "retire g3", "reloaded g3: bad")
	})
	t.Run("with nobody left to wait for", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(reloadAsked{}, "prepare g2")
		s.on(prepared{generation: 2, limits: usual(1)}, "spawn 2 w1-1 g2")
		s.on(reloadAsked{})
		for n := serial(1); n == 1 || n == 3; n += 2 {
			s.on(died(n), []string{"ended w1 crash", "spawn 3 w1 g1"}[:2-int(n)/2]...)
		}
		s.on(up(2), "retire g1", "reloaded g2", "prepare g3", "serving")
	})
}

// At most twice as many drain as serve: a reload that would be one too many waits.
func TestReloadWaitsForPlace(t *testing.T) {
	s := newServing(t, usual(2))
	reload := func(g handoff.Generation, first serial, ids, old string) {
		s.Helper()
		ids1, ids2, _ := strings.Cut(ids, " ")
		old1, old2, _ := strings.Cut(old, " ")
		s.on(prepared{generation: g, limits: usual(2)}, fmt.Sprintf("spawn %d %s g%d", first, ids1, g))
		s.on(up(first), fmt.Sprintf("spawn %d %s g%d", first+1, ids2, g))
		s.on(up(first+1), "TERM "+old1, "TERM "+old2, fmt.Sprintf("retire g%d", g-1), fmt.Sprintf("reloaded g%d", g))
	}
	s.on(reloadAsked{}, "prepare g2")
	reload(2, 3, "w1-1 w2-1", "1 2")
	s.on(reloadAsked{}, "prepare g3") // two drain, there is place for two more
	reload(3, 5, "w1-2 w2-2", "3 4")
	s.on(reloadAsked{})
	s.on(done(2), "ended w2 reload")
	s.on(stopping(5)) // and none is replaced in the meantime, lest it wait for ever
	s.on(done(3), "ended w1-1 reload", "prepare g4")
	reload(4, 7, "w1-1 w2", "5 6")
	// Nobody waits for one that does not want to end.
	s.on(reloadAsked{})
	s.passes(40*time.Second, "KILL 1", "KILL 4", "KILL 5", "KILL 6")
	s.on(done(1), "ended w1 reload")
	s.on(done(5), "ended w1-2 reload", "prepare g5")
}

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
			if w := s.fleet.find(1); w.phase != ready || w.leaving != reason(name) {
				t.Errorf("it does not serve on: %+v", w)
			}
			s.passes(10 * time.Second) // it serves on until it has a successor
			s.on(up(3), "TERM 1")
			s.sleeps(7 * time.Second)
			s.on(done(1), "ended w1 "+name)
		})
	}
	f("requests", func(s *scene) {
		s.on(stopping(1), "spawn 3 w1-1 g1")
		s.on(noticed{1, handoff.Notice{Stuck: true}}) // one reason is enough
	})
	f("stuck", func(s *scene) {
		s.on(noticed{1, handoff.Notice{Stuck: true}}, "spawn 3 w1-1 g1")
	})
	f("memory", func(s *scene) {
		s.on(measured{1, 1000})
		s.on(measured{1, 1001}, "spawn 3 w1-1 g1")
	})
}

// Workers of one age are replaced at different times.
func TestLifetime(t *testing.T) {
	limits := usual(2)
	limits.MaxLifetime, limits.MaxLifetimeDelta = time.Hour, 10*time.Minute
	s := newServing(t, limits)
	began := s.now
	first, second := s.fleet.find(1), s.fleet.find(2)
	for _, w := range []*worker{first, second} {
		if age := w.due.Sub(began); age < time.Hour || age >= 70*time.Minute {
			t.Errorf("worker %d is replaced after %v", w.serial, age)
		}
	}
	if first.due.Equal(second.due) {
		t.Error("all are replaced at a time")
	}
	if first.due.After(second.due) {
		first, second = second, first
	}
	due := second.due
	s.passes(first.due.Sub(began) - 1)
	s.passes(1, fmt.Sprintf("spawn 3 %s-1 g1", first.identity.ID))
	s.on(up(3), fmt.Sprintf("TERM %d", first.serial))
	s.on(done(first.serial), fmt.Sprintf("ended %s lifetime", first.identity.ID))
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
	s.on(died(2), "ended w2 crash") // its successor is on its way
	s.on(up(6))
}

// A successor that cannot be started is tried again as any other is; meanwhile it is the next one's turn.
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

// Deaths before a worker that served long do not count against its successor.
func TestRecycleResetsBackoff(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(3)
	s.on(up(4), "serving")
	s.passes(10 * time.Second)
	s.on(stopping(4), "spawn 5 w1-1 g1")
	s.on(died(5), "ended w1-1 crash", "spawn 6 w1-1 g1")
	s.on(died(6), "ended w1-1 crash")
	s.sleeps(time.Second) // its successors' deaths do count, though it serves on
	s.passes(time.Second, "spawn 7 w1-1 g1")
	s.on(died(7), "ended w1-1 crash")
	s.sleeps(1500 * time.Millisecond)
}

// What serves in a slot of the next generation says nothing about the current one.
func TestComingWorkerKeepsBackoff(t *testing.T) {
	s := newServing(t, usual(1))
	s.crash(3)
	s.on(reloadAsked{}, "prepare g2")
	s.on(prepared{generation: 2, limits: usual(2)}, "spawn 5 w1-1 g2")
	s.on(up(5), "spawn 6 w2 g2", "serving")
	s.passes(10 * time.Second)
	s.on(stopping(5))
	s.on(died(4), "ended w1 crash")
	s.sleeps(2250 * time.Millisecond)
}

// Who says that it ends as soon as it is ready, and perhaps does so, is no way around the backoff.
func TestRecycleWaits(t *testing.T) {
	s := newServing(t, usual(1))
	s.passes(300 * time.Millisecond)
	s.on(stopping(1))
	s.sleeps(700 * time.Millisecond)
	s.passes(700*time.Millisecond, "spawn 2 w1-1 g1")
	s.on(noticed{2, handoff.Notice{Ready: true, Stopping: true}}, "TERM 1")
	s.on(done(1), "ended w1 requests")
	s.on(done(2), "ended w1-1 requests", "spawn 3 w1 g1")
	s.on(noticed{3, handoff.Notice{Ready: true, Stopping: true}}, "serving")
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

// A reload replaces all, so nothing else is replaced beside it.
func TestNoRecycleInReload(t *testing.T) {
	s := newServing(t, usual(2))
	s.passes(time.Second)
	s.on(stopping(1), "spawn 3 w1-1 g1")
	s.on(reloadAsked{}, "prepare g2")
	s.on(stopping(2))
	s.on(up(3), "TERM 1") // what was begun goes on
	s.on(prepared{generation: 2, limits: usual(2)}, "spawn 4 w1-2 g2")
	s.on(stopping(4)) // it asks too early
	s.on(up(4), "spawn 5 w2-1 g2")
	s.on(stopping(4))
	s.passes(10 * time.Second)
	s.on(died(5), "ended w2-1 crash", "TERM 4", "retire g2", "reloaded g2: worker w2-1 exited with code 1 (5)", "spawn 6 w2-1 g1")
}

func TestSilence(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	s := newServing(t, limits)
	if wake := s.fleet.wake(); !wake.IsZero() {
		t.Errorf("woken though nobody has ever said that it is alive: %v", wake)
	}
	s.passes(time.Hour) // who never says anything is not silent
	s.on(alive(1))
	s.passes(6 * time.Second)
	s.on(noticed{1, handoff.Notice{Status: "busy"}}) // any notice is a sign of life
	s.sleeps(10 * time.Second)
	s.on(alive(1))
	if status := s.fleet.find(1).status; status != "busy" {
		t.Errorf("it says %q", status)
	}
	s.on(alive(2))
	s.passes(9 * time.Second)
	s.on(alive(2))
	// It may write down what it is at; nobody waits for that to replace it.
	s.passes(time.Second, "QUIT 1", "spawn 3 w1-1 g1")
	s.sleeps(dumpTime)
	s.passes(dumpTime, "KILL 1")
	s.on(exited{1, exit{status: 9}}, "ended w1 silent")
	s.on(up(3))
}

// A worker that has not served well before its silence has failed.
func TestSilenceEarly(t *testing.T) {
	limits := usual(1)
	limits.Heartbeat = 600 * time.Millisecond
	s := newServing(t, limits)
	s.on(alive(1))
	s.passes(600*time.Millisecond, "QUIT 1", "spawn 2 w1-1 g1")
	s.on(died(1), "ended w1 silent")
	s.on(up(2), "serving")
	s.on(alive(2))
	s.passes(600*time.Millisecond, "QUIT 2")
	s.on(died(2), "ended w1-1 silent")
	s.sleeps(time.Second)
}

func TestStartTimeout(t *testing.T) {
	limits := usual(2)
	limits.StartTimeout = 5 * time.Second
	limits.Heartbeat = time.Second
	s := newScene(t, limits)
	s.on(up(1), "serving")
	s.on(alive(2)) // that it is alive does not make it ready, nor its silence from then on dead
	s.passes(5*time.Second, "QUIT 2", "spawn 3 w2-1 g1")
	s.on(up(2)) // too late
	s.passes(200 * time.Millisecond)
	s.on(died(2), "ended w2 start-timeout")
	s.passes(4800*time.Millisecond, "QUIT 3")
	s.sleeps(dumpTime)
	s.passes(dumpTime, "KILL 3") // the second in a row waits
	s.sleeps(dumpTime)
	s.passes(dumpTime, "spawn 4 w2 g1")
}

// Deadlines are judged when all has been read: this is not the notice of the one that is judged.
func TestJudgedByTickOnly(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	s := newServing(t, limits)
	s.on(alive(1))
	s.on(alive(2))
	s.now = s.now.Add(time.Minute)
	s.on(alive(1))
	s.on(measured{2, 1})
	s.on(alive(2))
	s.on(tick{})
	s.sleeps(10 * time.Second)
}

func TestResize(t *testing.T) {
	s := newServing(t, usual(1))
	s.on(resized{-1})
	s.noted("one worker is the fewest")
	s.on(resized{+1}, "spawn 2 w2 g1")
	s.on(resized{+1}, "spawn 3 w3 g1")
	s.on(up(2))
	s.on(up(3))
	s.on(resized{-1}, "TERM 3")
	s.sleeps(40 * time.Second)
	s.on(resized{+1}, "spawn 4 w3-1 g1")
	s.on(resized{-1}, "TERM 4")
	s.on(done(3), "ended w3 fewer")
	s.on(done(4), "ended w3-1 fewer")
	s.passes(time.Minute)
	// A failed reload changes nothing, the next takes it back.
	s.on(reloadAsked{}, "prepare g2")
	s.on(prepared{generation: 2, failed: errors.New("bad")}, "retire g2", "reloaded g2: bad")
	s.on(died(2), "ended w2 crash", "spawn 5 w2 g1")
	s.on(reloadAsked{}, "prepare g3")
	s.on(prepared{generation: 3, limits: usual(1)}, "spawn 6 w1-1 g3")
	s.on(up(6), "TERM 1", "TERM 5", "retire g1", "reloaded g3")
	s.on(resized{-1})
}

func TestStop(t *testing.T) {
	limits := usual(3)
	limits.ShutdownDelay = 3 * time.Second
	drained := func(s *scene, drained, cut int) {
		s.Helper()
		want := []any{"workers_drained", drained, "workers_cut", cut}
		if got := s.noted("stopped").args; !slices.Equal(got, want) {
			s.Errorf("stopped: %v, not %v", got, want)
		}
	}
	t.Run("graceful", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.sleeps(3 * time.Second)
		s.on(died(2), "ended w2 crash") // not replaced
		s.on(reloadAsked{})
		noted := len(s.notes)
		s.on(resized{+1})
		if len(s.notes) > noted {
			t.Errorf("resized: %s", s.notes[noted].message)
		}
		s.passes(3*time.Second, "TERM 1", "TERM 3")
		s.on(died(1), "ended w1 stop")
		s.sleeps(25 * time.Second)
		s.passes(25*time.Second, "KILL 3")
		s.on(exited{3, exit{status: 9}}, "ended w3 stop", "finish 0")
		drained(s, 0, 3)
		s.on(tick{})
		s.on(stopAsked{})
		s.on(reloadAsked{})
	})
	t.Run("all drain", func(t *testing.T) {
		limits := limits
		limits.ShutdownDelay = 0
		s := newServing(t, limits)
		s.on(died(3), "ended w3 crash", "spawn 4 w3 g1")
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 4", "TERM 1", "TERM 2", "TERM 4")
		s.on(done(1), "ended w1 stop")
		s.on(exited{4, exit{status: syscall.WaitStatus(syscall.SIGTERM)}}, "ended w3 stop") // it had no requests
		s.on(done(2), "ended w2 stop", "finish 0")
		drained(s, 2, 0)
	})
	t.Run("all die in the delay", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.on(done(1), "ended w1 crash")
		s.on(died(2), "ended w2 crash")
		s.on(died(3), "ended w3 crash", "finish 0")
		drained(s, 0, 3) // none of them had been asked to
		if wake := s.fleet.wake(); !wake.IsZero() {
			t.Errorf("woken after the end: %v", wake)
		}
	})
	t.Run("fast", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(stopAsked{fast: true},
			"unready 1", "unready 2", "unready 3", "cut 1", "TERM 1", "cut 2", "TERM 2", "cut 3", "TERM 3")
		s.sleeps(time.Second)
		s.passes(time.Second, "KILL 1", "KILL 2", "KILL 3")
	})
	t.Run("a second time", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.passes(3*time.Second, "TERM 1", "TERM 2", "TERM 3")
		s.on(done(1), "ended w1 stop")
		s.on(stopAsked{}, "cut 2", "cut 3")
		s.sleeps(time.Second)
		s.on(done(2), "ended w2 stop")
		s.passes(time.Second, "KILL 3")
		s.on(stopAsked{}) // more cannot be done
		s.on(exited{3, exit{status: 9}}, "ended w3 stop", "finish 0")
		drained(s, 2, 1)
	})
	t.Run("a second time in the delay", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.on(stopAsked{}, "cut 1", "TERM 1", "cut 2", "TERM 2", "cut 3", "TERM 3")
		s.sleeps(time.Second)
	})
	t.Run("in a reload", func(t *testing.T) {
		s := newServing(t, limits)
		s.on(reloadAsked{}, "prepare g2")
		s.on(reloadAsked{})
		s.on(prepared{generation: 2, limits: usual(1)}, "spawn 4 w1-1 g2")
		s.on(stopAsked{},
			"TERM 4", "retire g2", "reloaded g2: the master is stopping", "unready 1", "unready 2", "unready 3", "unready 4")
		s.on(up(4))
		s.passes(3*time.Second, "TERM 1", "TERM 2", "TERM 3")
		s.sleeps(25 * time.Second) // also for whoever had more time to drain
		s.passes(25*time.Second, "KILL 1", "KILL 2", "KILL 3", "KILL 4")
	})
	t.Run("while settings are read", func(t *testing.T) {
		s := newServing(t, usual(1))
		s.on(reloadAsked{}, "prepare g2")
		s.on(stopAsked{}, "retire g2", "reloaded g2: the master is stopping", "unready 1", "TERM 1")
		s.on(prepared{generation: 2, limits: usual(1)})
		s.on(done(1), "ended w1 stop", "finish 0")
	})
	t.Run("before enough are ready", func(t *testing.T) {
		s := newScene(t, limits)
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.on(up(1)) // nobody is told that the master serves
	})
	t.Run("silent", func(t *testing.T) {
		limits := limits
		limits.Heartbeat = time.Second
		s := newServing(t, limits)
		s.on(alive(2))
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.passes(time.Second, "QUIT 2")
		s.on(stopAsked{}, "cut 1", "TERM 1", "cut 3", "TERM 3")
		s.sleeps(dumpTime)
		s.passes(dumpTime, "KILL 2")
	})
	t.Run("no mercy", func(t *testing.T) {
		limits := limits
		limits.Heartbeat, limits.StopMercy, limits.ShutdownDelay = time.Second, 0, time.Second+1
		s := newServing(t, limits)
		s.on(alive(2))
		s.on(stopAsked{}, "unready 1", "unready 2", "unready 3")
		s.passes(time.Second, "QUIT 2")
		s.passes(1, "TERM 1", "TERM 3")
		s.on(tick{}, "KILL 1", "KILL 3")
		s.sleeps(dumpTime - 1) // a dump is written all the same
	})
}

// Nobody pays for a time in which the master did not look.
func TestPause(t *testing.T) {
	limits := usual(2)
	limits.Heartbeat = 10 * time.Second
	f := func(name string, s *scene, left time.Duration) {
		t.Helper()
		s.passes(4 * time.Second)
		s.now = s.now.Add(time.Hour)
		s.on(paused{time.Hour})
		s.on(tick{})
		if wake := s.fleet.wake(); !wake.Equal(s.now.Add(left)) {
			t.Errorf("%s: left are %v, not %v", name, wake.Sub(s.now), left)
		}
		if s.noted("the master was stopped for a while: deadlines are moved").level != slog.LevelWarn {
			t.Errorf("%s: it is nothing special", name)
		}
	}
	s := newServing(t, limits)
	s.on(alive(1))
	f("silence", s, 6*time.Second)
	s = newScene(t, limits)
	f("start", s, 56*time.Second)
	s = newServing(t, limits)
	s.on(resized{-1}, "TERM 2")
	f("drain", s, 36*time.Second)
}

// Workers that say nothing are ready when they have lived for a second.
func TestNoNotices(t *testing.T) {
	limits := usual(2)
	limits.Notifies = false
	limits.StartTimeout = 100 * time.Millisecond // without meaning
	s := newScene(t, limits)
	s.sleeps(time.Second)
	s.passes(999 * time.Millisecond)
	s.on(died(2), "ended w2 crash")
	s.passes(time.Millisecond, "spawn 3 w2 g1", "serving")
	s.passes(time.Second)
	s.passes(time.Second)
	s.on(died(3), "ended w2 crash", "spawn 4 w2 g1")
	s.passes(time.Second)
	s.on(reloadAsked{}, "prepare g2")
	next := usual(1)
	next.StartTimeout = 5 * time.Second
	s.on(prepared{generation: 2, limits: next}, "spawn 5 w1-1 g2") // which say something
	s.sleeps(5 * time.Second)
	s.on(up(5), "TERM 1", "TERM 4", "retire g1", "reloaded g2")
}

func TestWords(t *testing.T) {
	limits := usual(3)
	limits.MinReady = 2
	s := newUnprepared(t, limits)
	s.words = true
	s.on(prepared{generation: 1}, "spawn 1 w1 g1", "few 1", "spawn 2 w2 g1", "few 2", "spawn 3 w3 g1", "few 3")
	s.on(up(1))
	s.on(up(2), "serving", "enough 1", "enough 2", "enough 3")
	s.passes(time.Second)
	s.on(resized{-1}, "TERM 3")
	s.on(died(2), "ended w2 crash", "spawn 4 w2 g1", "few 1", "few 4")
	s.on(resized{+1}, "spawn 5 w3-1 g1", "few 5")
	s.on(up(5), "serving", "enough 1", "enough 4", "enough 5")
	s.on(up(4))
	// Those of the next generation count as well, and its own minimum only from the commit on.
	s.on(reloadAsked{}, "prepare g2")
	limits.MinReady = 3
	s.on(prepared{generation: 2, limits: limits}, "spawn 6 w1-1 g2")
	s.on(up(6), "spawn 7 w2-1 g2", "spawn 8 w3-2 g2")
	s.on(died(4), "ended w2 crash", "spawn 9 w2 g1")
	s.on(died(5), "ended w3-1 crash", "spawn 10 w3-1 g1")
	s.on(up(7))
	s.on(up(8), "TERM 1", "TERM 9", "TERM 10", "retire g1", "reloaded g2")
	s.on(stopAsked{}, "unready 1", "unready 3", "unready 6", "unready 7", "unready 8", "unready 9", "unready 10",
		"TERM 6", "TERM 7", "TERM 8")
}

// A minimum that cannot be reached any more is that of all workers there are.
func TestWordsWithFewerWorkers(t *testing.T) {
	limits := usual(2)
	limits.MinReady = 2
	s := newServing(t, limits)
	s.words = true
	s.on(resized{-1}, "TERM 2")
	s.on(done(2), "ended w2 fewer")
}

func TestIDs(t *testing.T) {
	s := newServing(t, usual(1))
	for n, want := range []string{"w1-1", "w1-2"} {
		s.passes(time.Second)
		s.on(stopping(serial(n+1)), fmt.Sprintf("spawn %d %s g1", n+2, want))
		s.on(up(serial(n+2)), fmt.Sprintf("TERM %d", n+1))
	}
	s.on(done(1), "ended w1 requests")
	s.passes(time.Second)
	s.on(stopping(3), "spawn 4 w1 g1") // the shortest that is free
}

// What comes of a worker that has been reaped, or never was, means nothing.
func TestUnknownWorker(t *testing.T) {
	s := newServing(t, usual(1))
	for _, n := range []serial{0, 2, 99} {
		s.on(up(n))
		s.on(stopping(n))
		s.on(died(n))
		s.on(measured{n, 1 << 40})
	}
	s.on(measured{1, 1 << 40}) // no limit
}

func TestExit(t *testing.T) {
	f := func(e exit, text string, clean bool) {
		t.Helper()
		if e.String() != text || e.clean() != clean {
			t.Errorf("%q, clean: %t; want %q, %t", e, e.clean(), text, clean)
		}
	}
	f(exit{}, "exited with code 0", true)
	f(exit{status: 3 << 8}, "exited with code 3", false)
	f(exit{status: 9}, "was killed by signal 9 (killed)", false)
	f(exit{failed: syscall.ENOENT}, "could not be started: no such file or directory", false)
}
