package fleet

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

// scene is a fleet with a clock. Its expectations name workers by their serials.
type scene struct {
	*testing.T
	fleet  *Fleet
	now    time.Time
	words  bool // compare Few and Enough, too
	logged []Log
}

// usual returns ordinary limits.
func usual(workers int) Limits {
	return Limits{
		Workers:      workers,
		Notifies:     true,
		StartTimeout: 60 * time.Second,
		ReloadMercy:  40 * time.Second,
		StopMercy:    25 * time.Second,
	}
}

// newUnprepared returns a fleet that has not started anything.
func newUnprepared(t *testing.T, limits Limits) *scene {
	t.Helper()
	return &scene{T: t, fleet: New(limits, rand.New(rand.NewPCG(1, 1))), now: time.Unix(1_000_000_000, 0)}
}

// newScene returns a fleet whose first workers are starting.
func newScene(t *testing.T, limits Limits) *scene {
	t.Helper()
	s := newUnprepared(t, limits)
	var want []string
	for n := range limits.Workers {
		want = append(want, fmt.Sprintf("spawn %d w%d g1", n+1, n+1))
	}
	s.on(Prepared{Generation: 1, Limits: limits}, want...)
	return s
}

// newServing returns a fleet whose first workers are ready.
func newServing(t *testing.T, limits Limits) *scene {
	t.Helper()
	s := newScene(t, limits)
	for n := range limits.Workers {
		want := []string{}
		if n+1 == max(1, limits.MinReady) {
			want = append(want, "serving")
		}
		s.on(up(Serial(n+1)), want...)
	}
	return s
}

// on passes an event to the fleet and compares the actions.
func (s *scene) on(e Event, want ...string) {
	s.Helper()
	var got []string
	for _, a := range s.fleet.Handle(s.now, e) {
		switch a := a.(type) {
		case Log:
			s.logged = append(s.logged, a)
			s.mustBeJSON(a)
		case Send:
			if s.words || a.Word != handoff.Few && a.Word != handoff.Enough {
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

// passes lets time pass, with a tick whenever one is due, and compares the actions of the last tick. Earlier ticks must not lead to
// actions.
func (s *scene) passes(d time.Duration, want ...string) {
	s.Helper()
	end := s.now.Add(d)
	for wake := s.fleet.Wake(); !wake.IsZero() && wake.Before(end); wake = s.fleet.Wake() {
		s.now = wake
		s.on(Tick{})
	}
	s.now = end
	s.on(Tick{}, want...)
}

// sleeps checks that nothing is due for this long.
func (s *scene) sleeps(d time.Duration) {
	s.Helper()
	if wake := s.fleet.Wake(); !wake.Equal(s.now.Add(d)) {
		s.Fatalf("Wake is in %v, want %v", wake.Sub(s.now), d)
	}
}

// crash makes the latest worker die at its start, n times.
func (s *scene) crash(n int) {
	s.Helper()
	for range n {
		s.fleet.Handle(s.now, died(s.fleet.lastSerial))
		if wake := s.fleet.Wake(); len(s.fleet.workers) == 0 {
			s.now = wake
			s.fleet.Handle(s.now, Tick{})
		}
	}
}

func (s *scene) mustLog(message string) Log {
	s.Helper()
	for _, n := range slices.Backward(s.logged) {
		if n.Message == message {
			return n
		}
	}
	s.Fatalf("not logged: %s", message)
	return Log{}
}

// mustBeJSON checks that all attributes have a form in JSON.
func (s *scene) mustBeJSON(n Log) {
	s.Helper()
	var line strings.Builder
	slog.New(slog.NewJSONHandler(&line, nil)).Log(s.Context(), n.Level, "note", n.Args...)
	if strings.Contains(line.String(), "{}") || strings.Contains(line.String(), "!ERROR") {
		s.Errorf("in the log: %s", &line)
	}
}

func inWords(a Action) string {
	switch a := a.(type) {
	case Spawn:
		return fmt.Sprintf("spawn %d %s g%d", a.Serial, a.Identity.ID, a.Identity.Generation)
	case Kill:
		name := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT", syscall.SIGKILL: "KILL"}[a.Signal]
		return fmt.Sprintf("%s %d", name, a.Serial)
	case Send:
		word := map[handoff.Word]string{
			handoff.Few: "few", handoff.Enough: "enough", handoff.Unready: "unready", handoff.Cut: "cut",
		}[a.Word]
		return fmt.Sprintf("%s %d", word, a.Serial)
	case Prepare:
		return fmt.Sprintf("prepare g%d", a.Generation)
	case Retire:
		return fmt.Sprintf("retire g%d", a.Generation)
	case Reloaded:
		text := fmt.Sprintf("reloaded g%d", a.Generation)
		if a.Err != nil {
			text += ": " + a.Err.Error()
		}
		if a.Culprit != 0 {
			text += fmt.Sprintf(" (%d)", a.Culprit)
		}
		return text
	case Serving:
		return "serving"
	case Finish:
		return "finish: " + a.Err.Error()
	case Ended:
		return fmt.Sprintf("ended %s %s", a.Identity.ID, a.Reason)
	}
	return fmt.Sprintf("%T%+v", a, a)
}

func up(s Serial) Event { return Noticed{s, handoff.Notice{Ready: true}} }

func alive(s Serial) Event { return Noticed{s, handoff.Notice{Alive: true}} }

func stopping(s Serial) Event { return Noticed{s, handoff.Notice{Stopping: true}} }

func died(s Serial) Event { return Exited{s, Exit{Status: 1 << 8}} }

func done(s Serial) Event { return Exited{s, Exit{}} }
