package fleet

import (
	"log/slog"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// Action is something that the master must do. It is one of the types below.
type Action any

type (
	// Spawn starts a worker. If that fails, the master answers with Exited.
	Spawn struct {
		Serial   Serial
		Identity handoff.Identity
	}
	// Kill sends a signal to a worker that has not been reaped; KILL is sent to its whole process group.
	Kill struct {
		Serial Serial
		Signal syscall.Signal
	}
	// Send writes a word to a worker's lifeline.
	Send struct {
		Serial Serial
		Word   handoff.Word
	}
	// Prepare reads the settings of the next generation and runs its prestart command. The master answers with Prepared.
	Prepare struct{ Generation handoff.Generation }
	// Retire releases a generation, which will start no more workers.
	Retire struct{ Generation handoff.Generation }
	// Reloaded reports the end of a reload.
	Reloaded struct {
		Generation handoff.Generation // the next one
		Began      time.Time
		Err        error  // why it was rolled back; nil: it was committed
		Culprit    Serial // the worker that made it fail; 0: none
	}
	// Serving reports that MinReady workers are ready, after fewer were.
	Serving struct{}
	// Finish ends the master, with ErrStopping or ErrNoneReady.
	Finish struct{ Err error }
	// Ended reports the end of a worker.
	Ended struct {
		Serial   Serial
		Identity handoff.Identity
		Reason   Reason
		Exit     Exit
	}
	// Log writes a line to the log.
	Log struct {
		Level   slog.Level
		Message string
		Args    []any
	}
)
