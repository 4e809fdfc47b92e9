package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"multiproc/internal/osfile"
	"multiproc/master/internal/fleet"
)

// maxOutput bounds what is kept of a command's standard output, in bytes.
const maxOutput = 16 << 20

// Command is a program to run once, to its end.
type Command struct {
	Program   *Program
	Args, Env []string // the first argument is the name
	Dir       string
	Input     []byte    // its standard input
	Log       io.Writer // gets a copy of its standard error
}

// Run is a running Command. It belongs to one goroutine.
type Run struct {
	Command  Command
	PID      int
	Deadline time.Time // for its end, and after that for the end of its output; zero: none

	killed bool
	stdout *os.File
	stderr *Capture
	enough chan struct{} // closed when the end of stderr is not waited for any more
	exit   *fleet.Exit   // nil while it runs
}

// Start starts the command. Another goroutine calls done with its standard output when that and the standard error have been
// read to their ends.
func (c Command) Start(done func(output []byte)) (*Run, error) {
	stdin, err := SealedFile("multiproc-input", c.Input)
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	if _, err := stdin.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	stdout, stdoutEnd, err := newPipe("stdout")
	if err != nil {
		return nil, err
	}
	defer stdoutEnd.Close()
	stderr, stderrEnd, err := newCapture()
	if err != nil {
		return nil, errors.Join(err, stdout.Close())
	}
	defer stderrEnd.Close()
	pid, err := c.Program.start(c.Args, c.Env, c.Dir, []uintptr{osfile.FD(stdin), osfile.FD(stdoutEnd), osfile.FD(stderrEnd)})
	if err != nil {
		return nil, errors.Join(err, stdout.Close(), stderr.abandon())
	}
	r := &Run{Command: c, PID: pid, stdout: stdout, stderr: stderr, enough: make(chan struct{})}
	go stderr.Copy(c.Log)
	go func() {
		output := readUpTo(stdout, maxOutput)
		select {
		case <-stderr.done:
		case <-r.enough: // another process has it open, or the log is not read
		}
		done(output)
	}()
	return r, nil
}

// readUpTo reads to the end and keeps no more than limit bytes.
func readUpTo(pipe *os.File, limit int64) []byte {
	defer pipe.Close()
	var kept bytes.Buffer
	if _, err := io.CopyN(&kept, pipe, limit); err == nil {
		_, _ = io.Copy(io.Discard, pipe)
	}
	return kept.Bytes()
}

// Running reports whether it has not been reaped.
func (r *Run) Running() bool { return r.exit == nil }

// Killed reports whether it was killed because it took too long, or because its result was not needed any more.
func (r *Run) Killed() bool { return r.killed }

// Due returns when to call GiveUp; zero: never.
func (r *Run) Due() time.Time {
	if r.killed && r.Running() {
		return time.Time{} // SIGCHLD will come
	}
	return r.Deadline
}

// Delay moves the deadline by a time in which the caller could not look.
func (r *Run) Delay(by time.Duration) {
	if !r.Deadline.IsZero() {
		r.Deadline = r.Deadline.Add(by)
	}
}

// Exited must be called when it has been reaped. A process that it has started may hold its output open: that is waited for
// briefly.
func (r *Run) Exited(exit fleet.Exit, now time.Time) {
	r.exit = &exit
	r.Deadline = now.Add(outputTimeout)
}

// GiveUp kills it with everything that it has started; if it has exited, it ends the wait for its output.
func (r *Run) GiveUp() error {
	if r.Running() {
		r.killed = true
		return syscall.Kill(-r.PID, syscall.SIGKILL)
	}
	r.Deadline = time.Time{}
	close(r.enough)
	_ = r.stdout.SetReadDeadline(time.Unix(1, 0)) // fails if it was read to its end and closed
	return nil
}

// Err returns why an exited command failed: the line of its standard error that explains it, and the exit if that adds something.
func (r *Run) Err() error {
	if r.exit.Clean() {
		return nil
	}
	path := r.Command.Program.Path
	if r.killed {
		return fmt.Errorf("%s: did not end in time", path)
	}
	// Programs write their name first, which the caller's message has already.
	line := strings.TrimPrefix(FirstError(r.stderr.text()), r.Command.Args[0]+": ")
	switch {
	case line == "":
		return fmt.Errorf("%s %s", path, r.exit)
	case r.exit.Status.Signaled():
		return fmt.Errorf("%s %s: %s", path, r.exit, line)
	}
	return errors.New(line)
}
