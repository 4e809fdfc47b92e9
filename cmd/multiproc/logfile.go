package main

import (
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sys/unix"
)

// openLog makes the file at the path, made where there is none, the stdout and stderr of this process, and so of those
// that it starts. Each line is appended whole, whoever else writes there.
func openLog(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC|unix.O_NOCTTY, 0o640)
	if err != nil {
		return &os.PathError{Op: "open log", Path: path, Err: err}
	}
	defer unix.Close(fd)
	for _, std := range []int{unix.Stdout, unix.Stderr} {
		if err := unix.Dup3(fd, std, 0); err != nil {
			return fmt.Errorf("open log %s: %w", path, os.NewSyscallError("dup3", err))
		}
	}
	return nil
}

// newLogger logs to stderr, as "text" or as "json".
func newLogger(format string) *slog.Logger {
	if format == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
