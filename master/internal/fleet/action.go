package fleet

import (
	"log/slog"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// Action is what a decision asks the edge to do.
type Action any

type (
	// Spawn starts a worker; the edge answers with exited if it cannot.
	Spawn struct {
		Serial   Serial
		Identity handoff.Identity
	}
	// Kill sends a signal to a worker that has not been reaped; to its whole process group where it is KILL.
	Kill struct {
		Serial Serial
		Signal syscall.Signal
	}
	// Send sends a word down a worker's lifeline.
	Send struct {
		Serial Serial
		Word   handoff.Word
	}
	// Prepare has the next generation's settings read; the edge answers with prepared.
	Prepare struct{ Generation handoff.Generation }
	// Retire says that a generation will start no more workers.
	Retire struct{ Generation handoff.Generation }
	// Reloaded ends a reload.
	Reloaded struct {
		Generation handoff.Generation
		Began      time.Time
		Err        error // nil: committed
		Culprit    Serial
	}
	// Serving says that enough workers are ready, which was not so before.
	Serving struct{}
	// Finish ends the master, and says why it stopped: errStopping, ErrNoneReady.
	Finish struct{ Err error }
	// Ended says that a worker is no more, and why.
	Ended struct {
		Serial   Serial
		Identity handoff.Identity
		Reason   Reason
		Exit     Exit
	}
	// Log is a line for the log.
	Log struct {
		Level   slog.Level
		Message string
		Args    []any
	}
)
