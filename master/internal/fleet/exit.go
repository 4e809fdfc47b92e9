package fleet

import (
	"fmt"
	"syscall"
)

// Exit is how a process came to its end, or that it never began.
type Exit struct {
	Status syscall.WaitStatus
	Err    error // it could not be started
}

// Clean is what a process says of itself that has done all it was to do.
func (e Exit) Clean() bool { return e.Err == nil && e.Status.Exited() && e.Status.ExitStatus() == 0 }

// asRequested is the end of a process that was asked to end by TERM: what most programs do that know nothing of it is to die.
func (e Exit) asRequested() bool {
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
