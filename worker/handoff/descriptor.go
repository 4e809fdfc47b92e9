package handoff

import (
	"errors"
	"syscall"
)

// onDescriptor does something to a descriptor, and leaves it as it is otherwise: File.Fd would make it block.
func onDescriptor(c syscall.Conn, do func(fd int) error) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	return errors.Join(err, failed)
}
