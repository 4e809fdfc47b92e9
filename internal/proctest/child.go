package proctest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Child is a process of this test binary in a role. It reports lines on its standard output, reads requests as lines from its
// standard input and stops at the end of it. It belongs to the test that started it.
type Child struct {
	Cmd *exec.Cmd

	tb     testing.TB
	stdin  io.WriteCloser
	lines  *bufio.Scanner
	stderr bytes.Buffer
	waited bool
}

// Start starts a child. It is killed at the end of the test if it has not ended before.
func Start(tb testing.TB, role string, args ...string) *Child {
	tb.Helper()
	return StartWith(tb, func(*exec.Cmd) {}, role, args...)
}

// StartWith is Start with a function that may change the command before it starts.
func StartWith(tb testing.TB, change func(*exec.Cmd), role string, args ...string) *Child {
	tb.Helper()
	exe, err := os.Executable()
	check(tb, err)
	c := &Child{tb: tb, Cmd: exec.CommandContext(tb.Context(), exe, args...)}
	c.Cmd.Env = append(os.Environ(), RoleEnv(role)...)
	c.Cmd.Stderr = &c.stderr
	c.stdin, err = c.Cmd.StdinPipe()
	check(tb, err)
	stdout, err := c.Cmd.StdoutPipe()
	check(tb, err)
	c.lines = bufio.NewScanner(stdout)
	change(c.Cmd)
	check(tb, c.Cmd.Start())
	tb.Cleanup(func() {
		if !c.waited {
			_ = c.Cmd.Wait() // killed by the end of the test's context
		}
		if tb.Failed() && c.stderr.Len() > 0 {
			tb.Logf("stderr of the %s child:\n%s", role, &c.stderr)
		}
	})
	return c
}

// PID returns the child's process id.
func (c *Child) PID() int { return c.Cmd.Process.Pid }

// Stderr returns what the child has written to its standard error. It must not be called before the child has ended.
func (c *Child) Stderr() string { return c.stderr.String() }

// Line waits for the next report.
func (c *Child) Line() string {
	c.tb.Helper()
	if !c.lines.Scan() {
		err := c.wait()
		c.tb.Fatalf("the child ended without a report: %v\n%s", err, &c.stderr)
	}
	return c.lines.Text()
}

// Send sends the child a line.
func (c *Child) Send(line string) {
	c.tb.Helper()
	_, err := fmt.Fprintln(c.stdin, line)
	check(c.tb, err)
}

// Ask sends the child a line and waits for its answer.
func (c *Child) Ask(line string) string {
	c.tb.Helper()
	c.Send(line)
	return c.Line()
}

// Signal sends the child a signal.
func (c *Child) Signal(s syscall.Signal) {
	c.tb.Helper()
	check(c.tb, c.Cmd.Process.Signal(s))
}

// Stop ends the child's standard input and waits for its exit, which must be a success. It returns what the child reported
// until then.
func (c *Child) Stop() []string {
	c.tb.Helper()
	check(c.tb, c.stdin.Close())
	rest := c.rest()
	if err := c.wait(); err != nil {
		c.tb.Fatalf("the child: %v\n%s", err, &c.stderr)
	}
	return rest
}

// Kill kills the child by SIGKILL. It returns what the child had reported until then.
func (c *Child) Kill() []string {
	c.tb.Helper()
	check(c.tb, c.Cmd.Process.Kill())
	rest := c.rest()
	err := c.wait()
	if status, ok := c.Cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		c.tb.Fatalf("the child was not killed: %v\n%s", err, &c.stderr)
	}
	return rest
}

func (c *Child) rest() []string {
	var lines []string
	for c.lines.Scan() {
		lines = append(lines, c.lines.Text())
	}
	return lines
}

func (c *Child) wait() error {
	c.waited = true
	return c.Cmd.Wait()
}

// UntilStopped returns, in a child, at the end of the standard input: when the test calls Stop.
func UntilStopped() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
