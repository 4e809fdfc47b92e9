package master

import (
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
		return "finish: " + a.why.Error()
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
