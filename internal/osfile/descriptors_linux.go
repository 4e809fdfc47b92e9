package osfile

import (
	"errors"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// CloseOnExec sets close-on-exec on all open descriptors of this process from first on, including those that its parent has left
// open by mistake.
func CloseOnExec(first int) error {
	err := unix.CloseRange(uint(first), math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	return markListed(first) // Linux before 5.11, or a filter of system calls
}

// markListed is CloseOnExec without close_range(2).
func markListed(first int) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	var errs []error
	for _, entry := range entries {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil || fd < first {
			continue
		}
		_, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)
		if !errors.Is(err, unix.EBADF) { // the descriptor of ReadDir itself
			errs = append(errs, os.NewSyscallError("fcntl", err))
		}
	}
	return errors.Join(errs...)
}
