package server

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
)

// openLog opens or creates the log file as stdout and stderr of this process and its children. Each write is appended whole, so
// lines of several processes do not mix.
func openLog(path string) error {
	// Non-blocking, since it may be a pipe without a reader.
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

// copyStderr returns a copy of stderr, which stays the same when descriptor 2 is replaced.
func copyStderr() (*os.File, error) {
	fd, err := unix.FcntlInt(uintptr(unix.Stderr), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), "stderr"), nil
}

// queuedLines is the number of log lines that can wait for a slow reader.
const queuedLines = 4096

// logQueue writes a log from a goroutine of its own. The reader of a pipe may be slow, stopped or stuck, and a master that
// waited for it would miss the deaths of workers and requests to stop. Lines that find no room are dropped and counted.
type logQueue struct {
	lines   chan []byte
	dropped atomic.Int64
	closing chan struct{}
	done    chan struct{}
}

// newLogQueue starts to write to w. The number of dropped lines is logged to log, which writes to w without the queue.
func newLogQueue(w io.Writer, log *slog.Logger) *logQueue {
	q := &logQueue{
		lines:   make(chan []byte, queuedLines),
		closing: make(chan struct{}),
		done:    make(chan struct{}),
	}
	go q.run(w, log)
	return q
}

// Write queues a line. It never blocks and never fails.
func (q *logQueue) Write(line []byte) (int, error) {
	select {
	case q.lines <- bytes.Clone(line):
	default:
		q.dropped.Add(1)
	}
	return len(line), nil
}

func (q *logQueue) run(w io.Writer, log *slog.Logger) {
	defer close(q.done)
	write := func(line []byte) {
		_, _ = w.Write(line) // an error of the log has nowhere to go
		if dropped := q.dropped.Swap(0); dropped > 0 {
			log.Warn("log lines dropped: the reader is too slow", "lines", dropped)
		}
	}
	for {
		select {
		case line := <-q.lines:
			write(line)
			continue
		default:
		}
		select {
		case line := <-q.lines:
			write(line)
		case <-q.closing:
			return // the queue is empty
		}
	}
}

// close waits up to cli.FlushTimeout until the queued lines are written. Lines that are written to the queue later are lost.
func (q *logQueue) close() {
	close(q.closing)
	select {
	case <-q.done:
	case <-time.After(cli.FlushTimeout):
	}
}
