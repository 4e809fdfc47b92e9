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
	raw, err := in.log.SyscallConn()
	if err != nil {
		return fmt.Errorf("use log: %w", err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = os.NewSyscallError("dup3", syscall.Dup3(int(fd), 2, 0))
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return fmt.Errorf("use log: %w", err)
	}
	return in.log.Close()
}
