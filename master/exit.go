package master

import (
	"fmt"
	"syscall"
)

// exit is how a process came to its end, or that it never began.
type exit struct {
	status syscall.WaitStatus
	failed error // it could not be started
}

// clean is what a process says of itself that has done all it was to do.
func (e exit) clean() bool { return e.failed == nil && e.status.Exited() && e.status.ExitStatus() == 0 }

// asked is the end of a process that was asked to end by TERM: what most programs do that know nothing of it is to die.
func (e exit) asked() bool {
	return e.clean() || e.failed == nil && e.status.Signaled() && e.status.Signal() == syscall.SIGTERM
}

func (e exit) String() string {
	switch {
	case e.failed != nil:
		return fmt.Sprintf("could not be started: %v", e.failed)
	case e.status.Signaled():
		return fmt.Sprintf("was killed by signal %d (%s)", e.status.Signal(), e.status.Signal())
	}
	return fmt.Sprintf("exited with code %d", e.status.ExitStatus())
}
