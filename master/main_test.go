package master

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

// roleVariable names the environment variable that makes a process of this test binary something else than a run of
// the tests.
const roleVariable = "MASTER_TEST_ROLE"

func role(name string) func(args []string) error {
	switch name {
	case "drop":
		return dropChild
	case "generation":
		return generationChild
	case "invoked":
		return invokedChild
	case "listen":
		return listenChild
	case "master":
		return masterChild
	case "pidfile":
		return pidfileChild
	case "program":
		return programChild
	}
	return func([]string) error { return fmt.Errorf("no role %q", name) }
}

func TestMain(m *testing.M) {
	name := os.Getenv(roleVariable)
	if name == "" {
		m.Run()
		return
	}
	err := os.Unsetenv(roleVariable) // what it starts has a role of its own
	if err == nil {
		err = role(name)(os.Args[1:])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // it is the main function of the child
	}
	os.Exit(0) //nolint:forbidigo // without m.Run there is no exit status that the caller could take
}

// child is a process of this test binary in a role. It reports by lines on its standard output, and is told to go on by
// lines on its standard input, or to stop by the end of it.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *bufio.Scanner
	stderr bytes.Buffer
	waited bool
}

// startChild starts a child, which is killed at the end of the test if it has not ended before.
func startChild(t *testing.T, role string, args ...string) *child {
	t.Helper()
	return startChildWith(t, func(*exec.Cmd) {}, role, args...)
}

// startChildWith is startChild with a command that is not quite the usual one.
func startChildWith(t *testing.T, change func(*exec.Cmd), role string, args ...string) *child {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &child{cmd: exec.CommandContext(t.Context(), exe, args...)}
	// A process with the race detector in it waits a second at its end unless told otherwise.
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = &c.stderr
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(stdout)
	change(c.cmd)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if !c.waited {
			_ = c.cmd.Wait() // killed by the end of the test's context
		}
		if t.Failed() && c.stderr.Len() > 0 {
			t.Logf("stderr of the %s child:\n%s", role, &c.stderr)
		}
	})
	return c
}

// line waits for the next report.
func (c *child) line(t *testing.T) string {
	t.Helper()
	if !c.lines.Scan() {
		err := c.wait()
		t.Fatalf("the child ended without a report: %v\n%s", err, &c.stderr)
	}
	return c.lines.Text()
}

// stop tells the child to stop and waits for its end, which must be an orderly one.
func (c *child) stop(t *testing.T) {
	t.Helper()
	check(t, c.stdin.Close())
	for c.lines.Scan() {
		t.Errorf("the child reports: %s", c.lines.Text())
	}
	if err := c.wait(); err != nil {
		t.Fatalf("the child: %v\n%s", err, &c.stderr)
	}
}

// kill kills the child by SIGKILL.
func (c *child) kill(t *testing.T) {
	t.Helper()
	check(t, c.cmd.Process.Kill())
	err := c.wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the child was not killed: %v\n%s", err, &c.stderr)
	}
}

func (c *child) wait() error {
	c.waited = true
	return c.cmd.Wait()
}

// untilTold waits, in a child, for the end of the standard input.
func untilTold() error {
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// skipOrFail skips a test for want of something that not every machine has. Where MULTIPROC_TEST_REQUIRE=all says
// that all of it is there, so that green means that all tests ran, it fails instead.
func skipOrFail(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("MULTIPROC_TEST_REQUIRE") == "all" {
		t.Fatalf("MULTIPROC_TEST_REQUIRE=all, but %s", why)
	}
	t.Skip(why)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tell sends a child a line.
func (c *child) tell(t *testing.T, request string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.stdin, request); err != nil {
		t.Fatal(err)
	}
}

// ask sends a child a line and waits for another.
func (c *child) ask(t *testing.T, request string) string {
	t.Helper()
	c.tell(t, request)
	return c.line(t)
}
