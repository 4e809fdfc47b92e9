package master

import (
	"errors"
	"syscall"

	"multiproc/worker/handoff"
)

// process is a worker as the operating system knows it.
type process struct {
	identity handoff.Identity
	pid      int
	mailbox  *handoff.Mailbox
	tether   *handoff.Tether
	stderr   *capture
	usage    Usage
	before   past // in its slot
}

// signal must not be called once the process has been reaped: the pid may be somebody else's.
func (p *process) signal(s syscall.Signal) error {
	if s == syscall.SIGKILL {
		return syscall.Kill(-p.pid, s) // with what it has started
	}
	return syscall.Kill(p.pid, s)
}

// close gives up the master's ends. What the process has written to stderr goes on being read to its end.
func (p *process) close() error {
	var errs []error
	if p.mailbox != nil {
		errs = append(errs, p.mailbox.Close())
	}
	if p.tether != nil {
		errs = append(errs, p.tether.Close())
	}
	if p.stderr != nil && p.pid == 0 {
		errs = append(errs, p.stderr.abandon())
	}
	return errors.Join(errs...)
}
