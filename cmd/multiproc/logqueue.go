package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"multiproc/cmd/internal/cli"
)

// queuedLines is how many lines of the log may wait for whoever reads it.
const queuedLines = 4096

// logQueue writes a log from a goroutine of its own. Who reads a pipe at the other end may be slow, stopped or stuck, and
// a master that waited for that would not see its workers die, nor be told to stop. Lines that find no room are counted
// and told of later.
type logQueue struct {
	lines   chan []byte
	lost    atomic.Int64
	closing chan struct{}
	done    chan struct{}
}

// newLogQueue begins to write to w; log goes there directly.
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
		q.lost.Add(1)
	}
	return len(line), nil
}

func (q *logQueue) run(w io.Writer, log *slog.Logger) {
	defer close(q.done)
	write := func(line []byte) {
		_, _ = w.Write(line) // where should it be told?
		if lost := q.lost.Swap(0); lost > 0 {
			log.Warn("lines of the log were lost: nobody read it for a while", "lines", lost)
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
			return // nothing waits
		}
	}
}

// close waits for a moment until what is queued is written. Lines that come later are lost.
func (q *logQueue) close() {
	close(q.closing)
	select {
	case <-q.done:
	case <-time.After(cli.FlushTimeout):
	}
}
