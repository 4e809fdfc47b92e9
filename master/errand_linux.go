package master

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
	"multiproc/worker/handoff"
)

// maxErrandOutput bounds what is read of an errand's output, in bytes. One that writes more is cut off.
const maxErrandOutput = 16 << 20

// command is what an errand runs.
type command struct {
	program   *program
	args, env []string // the first argument is the name
	dir       string
	input     []byte    // what it reads
	log       io.Writer // where what it writes to stderr is passed on
}

// errand is a command that runs once, to its end: for its output, or for what it does.
type errand struct {
	command    command
	generation handoff.Generation // that it is run for
	then       func(*errand)      // called by the master when it is all over
	pid        int
	deadline   time.Time
	killed     bool
	stdout     *os.File
	stderr     *capture
	enough     chan struct{} // closed where the end of stderr is not waited for any more
	ended      *fleet.Exit   // nil while it runs
	read       bool          // the output is here
	output     []byte        // what it has written to stdout
}

// startErrand starts a command. Its output comes to done, from another goroutine, when stderr has been read as well.
func startErrand(c command, done func(output []byte)) (*errand, error) {
	stdin, err := sealedFile("multiproc-input", c.input)
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
	pid, err := syscall.ForkExec(c.program.exec(), c.args, &syscall.ProcAttr{
		Dir:   c.dir,
		Env:   c.env,
		Files: []uintptr{osfile.FD(stdin), osfile.FD(stdoutEnd), osfile.FD(stderrEnd)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, errors.Join(explain(err, c.program, c.dir), stdout.Close(), stderr.abandon())
	}
	e := &errand{command: c, pid: pid, stdout: stdout, stderr: stderr, enough: make(chan struct{})}
	go stderr.pass(c.log)
	go func() {
		output := readUpTo(stdout, maxErrandOutput)
		select {
		case <-stderr.done:
		case <-e.enough: // somebody has it open, or the log is not read
		}
		done(output)
	}()
	return e, nil
}

// readUpTo reads to the end, and keeps no more than the limit.
func readUpTo(pipe *os.File, limit int64) []byte {
	defer pipe.Close()
	var kept bytes.Buffer
	if _, err := io.CopyN(&kept, pipe, limit); err == nil {
		_, _ = io.Copy(io.Discard, pipe)
	}
	return kept.Bytes()
}

// kill ends it with all that it has started. It must not have been reaped.
func (e *errand) kill() error {
	e.killed = true
	return syscall.Kill(-e.pid, syscall.SIGKILL)
}

// due is when to lose patience with it: once it has ended, with whoever holds its output.
func (e *errand) due() time.Time {
	if e.killed && e.ended == nil {
		return time.Time{} // the kernel will tell
	}
	return e.deadline
}

// shift moves the deadline: nobody looked for a while.
func (e *errand) shift(by time.Duration) {
	if !e.deadline.IsZero() {
		e.deadline = e.deadline.Add(by)
	}
}

// exited is that it has been reaped. What it has started may hold its output, for a moment and no longer.
func (e *errand) exited(how fleet.Exit, now time.Time) {
	e.ended = &how
	e.deadline = now.Add(lastWords)
}

// giveUp goes on without what nobody has waited for: the errand's end, or the end of its output.
func (e *errand) giveUp() error {
	if e.ended == nil {
		return e.kill()
	}
	e.deadline = time.Time{}
	close(e.enough)
	_ = e.stdout.SetReadDeadline(time.Unix(1, 0)) // it fails if the pipe has come to its end, and is closed
	return nil
}

// outcome is what is wrong with an errand that has ended: the line that tells it, and how it ended where that tells more.
func (e *errand) outcome() error {
	if e.ended.Clean() {
		return nil
	}
	path := e.command.program.path
	if e.killed {
		return fmt.Errorf("%s: did not end in time", path)
	}
	// Programs tell their name first, which whoever asks has told already.
	line := strings.TrimPrefix(firstError(e.stderr.text()), e.command.args[0]+": ")
	switch {
	case line == "":
		return fmt.Errorf("%s %s", path, e.ended)
	case e.ended.Status.Signaled():
		return fmt.Errorf("%s %s: %s", path, e.ended, line)
	}
	return errors.New(line)
}

// startErrand starts an errand for a generation, and calls then when it is all over. There must be no other.
func (m *Master) startErrand(g handoff.Generation, limit time.Duration, c command, then func(*errand)) error {
	e, err := startErrand(c, func(output []byte) {
		m.send(func(m *Master) {
			m.errand.output, m.errand.read = output, true
			m.errandDone()
		})
	})
	if err != nil {
		return err
	}
	e.generation, e.then, e.deadline = g, then, time.Now().Add(limit)
	m.errand = e
	return nil
}

// errandDone goes on once the errand has ended and all that it has written is here.
func (m *Master) errandDone() {
	e := m.errand
	if e.ended == nil || !e.read {
		return
	}
	m.errand = nil
	e.then(e)
}

// overdueErrand ends an errand that takes too long, or that nobody waits for any more.
func (m *Master) overdueErrand(now time.Time) {
	e := m.errand
	if e == nil {
		return
	}
	unwanted := e.ended == nil && !e.killed && !m.fleet.Prepares(e.generation)
	if due := e.due(); unwanted || !due.IsZero() && !now.Before(due) {
		if err := e.giveUp(); err != nil {
			m.log.Warn("errand cannot be ended", "error", err)
		}
	}
}
