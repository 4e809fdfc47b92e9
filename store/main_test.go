package store

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
// the tests: a process that writes, which can be stopped and killed.
const roleVariable = "STORE_TEST_ROLE"

func role(name string) func(args []string) error {
	switch name {
	case "insert":
		return insertChild
	case "loop":
		return loopChild
	case "turns":
		return turnsChild
	case "migrate":
		return migrateChild
	case "commit":
		return commitChild
	case "crash":
		return crashChild
	case "hold":
		return holdChild
	}
	return func([]string) error { return fmt.Errorf("no role %q", name) }
}

func TestMain(m *testing.M) {
	name := os.Getenv(roleVariable)
	if name == "" {
		m.Run()
		return
	}
	if err := role(name)(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1) //nolint:forbidigo // it is the main function of the child
	}
	os.Exit(0) //nolint:forbidigo // without m.Run there is no exit status that the caller could take
}

// child is a process of this test binary in a role. It reports by lines on its standard output, is told what to do by lines
// on its standard input, and to stop by the end of it.
type child struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	lines  *bufio.Scanner
	stderr bytes.Buffer
	waited bool
}

// startChild starts a child, which is killed at the end of the test if it has not ended before.
func startChild(tb testing.TB, role string, args ...string) *child {
	tb.Helper()
	exe, err := os.Executable()
	check(tb, err)
	c := &child{cmd: exec.CommandContext(tb.Context(), exe, args...)}
	// A process with the race detector in it waits a second at its end unless told otherwise.
	c.cmd.Env = append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
	c.cmd.Stderr = &c.stderr
	c.stdin, err = c.cmd.StdinPipe()
	check(tb, err)
	stdout, err := c.cmd.StdoutPipe()
	check(tb, err)
	c.lines = bufio.NewScanner(stdout)
	check(tb, c.cmd.Start())
	tb.Cleanup(func() {
		if !c.waited {
			_ = c.cmd.Wait() // killed by the end of the test's context
		}
		if tb.Failed() && c.stderr.Len() > 0 {
			tb.Logf("stderr of the %s child:\n%s", role, &c.stderr)
		}
	})
	return c
}

// line waits for the next report.
func (c *child) line(tb testing.TB) string {
	tb.Helper()
	if !c.lines.Scan() {
		err := c.wait()
		tb.Fatalf("the child ended without a report: %v\n%s", err, &c.stderr)
	}
	return c.lines.Text()
}

// tell gives the child something to do.
func (c *child) tell(tb testing.TB, line string) {
	tb.Helper()
	_, err := fmt.Fprintln(c.stdin, line)
	check(tb, err)
}

func (c *child) signal(tb testing.TB, s syscall.Signal) {
	tb.Helper()
	check(tb, c.cmd.Process.Signal(s))
}

// stop tells the child to stop, hands over what it reports from then on and waits for its end, which must be an orderly one.
func (c *child) stop(tb testing.TB, report func(line string)) {
	tb.Helper()
	check(tb, c.stdin.Close())
	for c.lines.Scan() {
		report(c.lines.Text())
	}
	if err := c.wait(); err != nil {
		tb.Fatalf("the child: %v\n%s", err, &c.stderr)
	}
}

// kill kills the child by SIGKILL and hands over the reports that it had made until then.
func (c *child) kill(tb testing.TB, report func(line string)) {
	tb.Helper()
	check(tb, c.cmd.Process.Kill())
	for c.lines.Scan() {
		report(c.lines.Text())
	}
	err := c.wait()
	if status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		tb.Fatalf("the child was not killed: %v\n%s", err, &c.stderr)
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
func skipOrFail(tb testing.TB, why string) {
	tb.Helper()
	if os.Getenv("MULTIPROC_TEST_REQUIRE") == "all" {
		tb.Fatalf("MULTIPROC_TEST_REQUIRE=all, but %s", why)
	}
	tb.Skip(why)
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
