package master

import (
	"time"

	"multiproc/worker/handoff"
)

// serial names one process of a master for ever. A pid may come again, and an id is used again.
type serial int

// phase is how far a worker has come in its life. It never goes back.
type phase int

const (
	starting phase = iota // until it is ready
	ready                 // it serves
	draining              // asked to end by TERM
	ending                // being ended by force
)

func (p phase) String() string { return string(States()[p]) }

// worker is a process as the decisions know it.
type worker struct {
	serial   serial
	identity handoff.Identity
	phase    phase
	started  time.Time
	readyAt  time.Time // zero until it was ready for the first time
	deadline time.Time // of the phase; zero: none
	seen     time.Time // its last notice; zero until the first that says it is alive
	due      time.Time // when it is to be replaced for its age; zero: never
	leaving  reason    // why it is to be replaced, empty if it is not
	status   string    // its own words
}

// active workers hold their slot: they serve, or are about to.
func (w *worker) active() bool { return w.phase <= ready }

// served is for how long it served until now.
func (w *worker) served(now time.Time) time.Duration {
	if w.readyAt.IsZero() {
		return 0
	}
	return now.Sub(w.readyAt)
}

// shift moves all that was to happen, and the last sign of life: nobody looked for a while.
func (w *worker) shift(by time.Duration) {
	for _, t := range []*time.Time{&w.deadline, &w.seen} {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// endReason says in one word why it ended. One that was to be replaced may leave before it is told to.
func (w *worker) endReason(how exit) reason {
	if w.active() && (w.leaving == "" || !how.clean()) {
		return forCrash
	}
	return w.leaving
}

// describe names it in a log line, with more about it.
func (w *worker) describe(more ...any) []any {
	return append([]any{"worker", w.identity.ID, "generation", int(w.identity.Generation)}, more...)
}

// reason is why a worker was replaced or ended, in one word.
type reason string

const (
	forRequests reason = "requests" // it said itself that it wants to be replaced
	forLifetime reason = "lifetime"
	forMemory   reason = "memory"
	forStuck    reason = "stuck"  // a request hangs in it
	forSilence  reason = "silent" // no sign of life
	forTimeout  reason = "start-timeout"
	forReload   reason = "reload"
	forRollback reason = "rollback"
	forFewer    reason = "fewer" // its slot was given up
	forStop     reason = "stop"
	forCrash    reason = "crash" // nobody asked for it
)
