package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openLog makes the file at the path, made where there is none, the stdout and stderr of this process, and so of those
// that it starts. Each line is appended whole, whoever else writes there.
func openLog(path string) error {
	// Without waiting: it may be a pipe that nobody reads.
	const flags = unix.O_WRONLY | unix.O_APPEND | unix.O_CREAT | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK
	fd, err := unix.Open(path, flags, 0o644)
	if err != nil {
		return &os.PathError{Op: "open log", Path: path, Err: err}
	}
	defer unix.Close(fd)
	if err := unix.SetNonblock(fd, false); err != nil {
		return &os.PathError{Op: "open log", Path: path, Err: err}
	}
	for _, std := range []int{unix.Stdout, unix.Stderr} {
		if err := unix.Dup3(fd, std, 0); err != nil {
			return fmt.Errorf("open log %s: %w", path, os.NewSyscallError("dup3", err))
		}
	}
	return nil
}

// copyStderr is stderr as it is now, whatever becomes of descriptor 2.
func copyStderr() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "stderr"), nil
}
