package fleet

import (
	"time"

	"multiproc/worker/handoff"
)

// Serial names one process of a master for ever. A pid may come again, and an id is used again.
type Serial int

// Phase is how far a worker has come in its life. It never goes back.
type Phase int

const (
	Starting Phase = iota // until it is ready
	Ready                 // it serves
	Draining              // asked to end by TERM
	Ending                // being ended by force
)

func (p Phase) String() string { return [...]string{"starting", "ready", "draining", "ending"}[p] }

// Worker is a process as the decisions know it.
type Worker struct {
	Serial    Serial
	Identity  handoff.Identity
	Phase     Phase
	Started   time.Time
	readyAt   time.Time // zero until it was ready for the first time
	deadline  time.Time // of the phase; zero: none
	lastSeen  time.Time // its last notice; zero until the first that says it is alive
	replaceAt time.Time // when it is to be replaced for its age; zero: never
	Leaving   Reason    // why it is to be replaced, empty if it is not
	Status    string    // its own words
}

// active workers hold their slot: they serve, or are about to.
func (w *Worker) active() bool { return w.Phase <= Ready }

// served is for how long it served until now.
func (w *Worker) served(now time.Time) time.Duration {
	if w.readyAt.IsZero() {
		return 0
	}
	return now.Sub(w.readyAt)
}

// shift moves all that was to happen, and the last sign of life: nobody looked for a while.
func (w *Worker) shift(by time.Duration) {
	for _, t := range []*time.Time{&w.deadline, &w.lastSeen} {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// endReason says in one word why it ended. One that was to be replaced may leave before it is told to.
func (w *Worker) endReason(how Exit) Reason {
	if w.active() && (w.Leaving == "" || !how.Clean()) {
		return ReasonCrash
	}
	return w.Leaving
}

// attrs names it in a log line, with more about it.
func (w *Worker) attrs(more ...any) []any {
	return append([]any{"worker", w.Identity.ID, "generation", int(w.Identity.Generation)}, more...)
}

// Reason is why a worker was replaced or ended, in one word.
type Reason string

const (
	ReasonRequests     Reason = "requests" // it said itself that it wants to be replaced
	ReasonLifetime     Reason = "lifetime"
	ReasonMemory       Reason = "memory"
	ReasonStuck        Reason = "stuck"  // a request hangs in it
	ReasonSilent       Reason = "silent" // no sign of life
	ReasonStartTimeout Reason = "start-timeout"
	ReasonReload       Reason = "reload"
	ReasonRollback     Reason = "rollback"
	ReasonFewer        Reason = "fewer" // its slot was given up
	ReasonStop         Reason = "stop"
	ReasonCrash        Reason = "crash" // nobody asked for it
)
