package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/internal/osfile"
)

// openLog opens or creates the log file as stdout and stderr of this process and its children. Each write is appended whole, so
// lines of several processes do not mix. For the owner see [osfile.Place].
//
// A name of a descriptor, such as /dev/stdout, means the descriptor, whatever it is: a socket or a file that only root may open
// cannot be opened by its name.
func openLog(path string, owner *osfile.User) error {
	place, err := osfile.Follow(path, owner)
	if err != nil {
		return logError(path, err)
	}
	defer place.Close()
	if fd, ok := place.Descriptor(); ok {
		return logError(path, useAsLog(fd))
	}
	return logError(path, openLogAt(place))
}

// reopenLog opens the log file again. A descriptor stays what it is.
func reopenLog(path string) error {
	place, err := osfile.Follow(path, nil)
	if err != nil {
		return logError(path, err)
	}
	defer place.Close()
	if _, ok := place.Descriptor(); ok {
		return nil
	}
	return logError(path, openLogAt(place))
}

func logError(path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "open log", Path: path, Err: osfile.Cause(err)}
}

func openLogAt(place *osfile.Place) error {
	// Opened non-blocking, since it may be a pipe without a reader.
	fd, err := place.Open(unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_NOCTTY, 0o644)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	return useAsLog(fd)
}

// useAsLog makes a descriptor stdout and stderr.
func useAsLog(fd int) error {
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil {
		return errors.New("the descriptor is not open")
	} else if flags&unix.O_ACCMODE == unix.O_RDONLY {
		return errors.New("the descriptor is not open for writing")
	}
	for _, std := range []int{unix.Stdout, unix.Stderr} {
		if fd == std {
			continue
		}
		if err := unix.Dup3(fd, std, 0); err != nil {
			return os.NewSyscallError("dup3", err)
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
