package master

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// maxErrandOutput bounds what is read of an errand's output, in bytes. One that writes more is cut off.
const maxErrandOutput = 16 << 20

// errand is a command that runs once, for its output: the program of the next generation, which reads its own settings.
type errand struct {
	generation handoff.Generation
	program    *Program
	pid        int
	deadline   time.Time
	killed     bool
	pipes      [2]*os.File   // of its output
	ended      *exit         // nil while it runs
	output     *errandOutput // nil until it has been read
}

type errandOutput struct {
	generation     handoff.Generation
	stdout, stderr []byte
}

// startErrand starts the program with these arguments. Its output comes to done, from another goroutine.
func startErrand(g handoff.Generation, program *Program, args, env []string, dir string, done func(*errandOutput)) (*errand, error) {
	fail := func(err error) (*errand, error) {
		return nil, fmt.Errorf("run %s: %w", program.Path, err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return fail(err)
	}
	defer null.Close()
	stdout, stdoutEnd, err := os.Pipe()
	if err != nil {
		return fail(err)
	}
	defer stdoutEnd.Close()
	stderr, stderrEnd, err := os.Pipe()
	if err != nil {
		return fail(errors.Join(err, stdout.Close()))
	}
	defer stderrEnd.Close()
	pid, err := syscall.ForkExec(program.Exec(), args, &syscall.ProcAttr{
		Dir:   dir,
		Env:   env,
		Files: []uintptr{rawFD(null), rawFD(stdoutEnd), rawFD(stderrEnd)},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fail(errors.Join(err, stdout.Close(), stderr.Close()))
	}
	go func() {
		output := &errandOutput{generation: g}
		read := make(chan struct{})
		go func() {
			defer close(read)
			output.stderr = readUpTo(stderr, maxCaptured)
		}()
		output.stdout = readUpTo(stdout, maxErrandOutput)
		<-read
		done(output)
	}()
	return &errand{generation: g, program: program, pid: pid, pipes: [2]*os.File{stdout, stderr}}, nil
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

// exited is that it has been reaped. What it has started may hold its output, for a moment and no longer.
func (e *errand) exited(how exit, now time.Time) {
	e.ended = &how
	e.deadline = now.Add(lastWords)
}

// giveUp goes on without what nobody has waited for: the errand's end, or the end of its output.
func (e *errand) giveUp() error {
	if e.ended == nil {
		return e.kill()
	}
	e.deadline = time.Time{}
	past := time.Unix(1, 0)
	return errors.Join(e.pipes[0].SetReadDeadline(past), e.pipes[1].SetReadDeadline(past))
}

// outcome is what is wrong with an errand that has ended.
func (e *errand) outcome() error {
	switch {
	case e.killed:
		return fmt.Errorf("%s: did not end in time", e.program.Path)
	case e.ended.clean():
		return nil
	}
	if line := firstError(e.output.stderr); line != "" {
		return fmt.Errorf("%s", line)
	}
	return fmt.Errorf("%s %s", e.program.Path, e.ended)
}
