package master

import (
	"log/slog"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// action is what a decision asks the edge to do.
type action any

type (
	// spawn starts a worker; the edge answers with exited if it cannot.
	spawn struct {
		serial   serial
		identity handoff.Identity
	}
	// kill sends a signal to a worker that has not been reaped; to its whole process group where it is KILL.
	kill struct {
		serial serial
		signal syscall.Signal
	}
	// tell sends a word down a worker's lifeline.
	tell struct {
		serial serial
		word   handoff.Word
	}
	// prepare has the next generation's settings read; the edge answers with prepared.
	prepare struct{ generation handoff.Generation }
	// retire says that a generation will start no more workers.
	retire struct{ generation handoff.Generation }
	// reloaded ends a reload.
	reloaded struct {
		generation handoff.Generation
		began      time.Time
		failed     error // nil: committed
		culprit    serial
	}
	// serving says that enough workers are ready, which was not so before.
	serving struct{}
	// finish ends the master, and says why it stopped: errStopping, ErrNoneReady.
	finish struct{ why error }
	// ended says that a worker is no more, and why.
	ended struct {
		serial   serial
		identity handoff.Identity
		why      reason
		how      exit
	}
	// note is a line for the log.
	note struct {
		level   slog.Level
		message string
		args    []any
	}
)
