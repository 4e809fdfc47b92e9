package handoff

import (
	"fmt"
	"os"
	"syscall"
)

// UseLog makes the process write to the log by itself. Until then its stderr is a pipe to the master, which passes it on
// and so knows why a worker did not start. It is to be called when the start has succeeded; where there is no such pipe,
// it does nothing.
func (in *Inherited) UseLog() error {
	if in.log == nil {
		return nil
	}
	err := onDescriptor(in.log, func(fd int) error { return os.NewSyscallError("dup3", syscall.Dup3(fd, 2, 0)) })
	if err != nil {
		return fmt.Errorf("use log: %w", err)
	}
	return in.log.Close()
}
