package fleet

import (
	"fmt"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// Serial identifies a worker's process for as long as the master runs. Pids and worker ids are used again.
type Serial int

// Phase is the state of a worker. It only ever increases.
type Phase int

// Phases of a worker.
const (
	Starting Phase = iota // until it is ready
	Ready                 // it serves
	Draining              // asked to end by TERM
	Ending                // being ended by force
)

func (p Phase) String() string { return [...]string{"starting", "ready", "draining", "ending"}[p] }

// Worker is a worker's process.
type Worker struct {
	Serial   Serial
	Identity handoff.Identity
	Phase    Phase
	Started  time.Time
	Leaving  Reason // why it is being replaced or ended; empty if it is not
	Status   string // its own status text

	readyAt   time.Time // zero before it was ready
	deadline  time.Time // of the phase; zero: none
	cut       bool      // it was sent Cut
	lastSeen  time.Time // its latest notice; zero before the first heartbeat
	replaceAt time.Time // when it reaches its maximum age; zero: never
}

// active reports whether it holds its slot: it serves or is starting.
func (w *Worker) active() bool { return w.Phase <= Ready }

// served returns how long it has served.
func (w *Worker) served(now time.Time) time.Duration {
	if w.readyAt.IsZero() {
		return 0
	}
	return now.Sub(w.readyAt)
}

// delay moves its deadlines by a time in which the master was paused.
func (w *Worker) delay(by time.Duration) {
	for _, t := range []*time.Time{&w.deadline, &w.lastSeen} {
		if !t.IsZero() {
			*t = t.Add(by)
		}
	}
}

// hurry brings the deadline of a draining worker forward.
func (w *Worker) hurry(latest time.Time) {
	if w.Phase == Draining && latest.Before(w.deadline) {
		w.deadline = latest
	}
}

// endReason returns why it ended. A worker that is being replaced may exit before it is asked to.
func (w *Worker) endReason(e Exit) Reason {
	if w.active() && (w.Leaving == "" || !e.Clean()) {
		return ReasonCrash
	}
	return w.Leaving
}

// attrs returns the attributes that identify it in a log line, and more.
func (w *Worker) attrs(more ...any) []any {
	return append([]any{"worker", w.Identity.ID, "generation", int(w.Identity.Generation)}, more...)
}

// Reason is why a worker was replaced or ended.
type Reason string

// Reasons, as operators see them in logs, metrics and the status.
const (
	ReasonRequests     Reason = "requests" // it asked to be replaced, after max-requests
	ReasonLifetime     Reason = "lifetime"
	ReasonMemory       Reason = "memory"
	ReasonStuck        Reason = "stuck"  // one of its requests hangs
	ReasonSilent       Reason = "silent" // no heartbeat
	ReasonStartTimeout Reason = "start-timeout"
	ReasonReload       Reason = "reload"
	ReasonRollback     Reason = "rollback"
	ReasonFewer        Reason = "fewer" // its slot was removed
	ReasonStop         Reason = "stop"
	ReasonCrash        Reason = "crash" // it was not asked to end
)

// Exit is the exit of a process, or the failure to start it.
type Exit struct {
	Status syscall.WaitStatus
	Err    error // it could not be started
}

// Clean reports whether it exited with code 0.
func (e Exit) Clean() bool { return e.Err == nil && e.Status.Exited() && e.Status.ExitStatus() == 0 }

// byTerm reports whether it ended as a process does that was sent TERM: clean, or by the signal if it does not catch it.
func (e Exit) byTerm() bool {
	return e.Clean() || e.Err == nil && e.Status.Signaled() && e.Status.Signal() == syscall.SIGTERM
}

func (e Exit) String() string {
	switch {
	case e.Err != nil:
		return fmt.Sprintf("could not be started: %v", e.Err)
	case e.Status.Signaled():
		return fmt.Sprintf("was killed by signal %d (%s)", e.Status.Signal(), e.Status.Signal())
	}
	return fmt.Sprintf("exited with code %d", e.Status.ExitStatus())
}
