package handoff

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	role := func(run func() error) proctest.Role { return func([]string) error { return run() } }
	proctest.Main(m, map[string]proctest.Role{
		"inherit": role(inheritChild),
		"become":  role(becomeChild),
		"master":  role(masterChild),
	})
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// child is a process of this test binary in a role, started as a master starts a worker. Everything that it writes is a report.
type child struct {
	t     *testing.T
	pid   int
	lines *bufio.Reader
}

// fork starts a child with an environment and these descriptors from 3 on. It is killed at the end of the test.
func fork(t *testing.T, role string, env WorkerEnv, files ...syscall.Conn) *child {
	t.Helper()
	r, w, err := os.Pipe()
	check(t, err)
	defer w.Close()
	pid, err := forkRaw(role, env, w, files...)
	check(t, err)
	check(t, r.SetReadDeadline(time.Now().Add(proctest.Patience)))
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		_ = r.Close()
	})
	return &child{t, pid, bufio.NewReader(r)}
}

// forkRaw starts a process with raw descriptors, whose flags it does not change. The first one is its output.
func forkRaw(role string, env WorkerEnv, output syscall.Conn, files ...syscall.Conn) (pid int, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	descriptors := []uintptr{0}
	for _, file := range append([]syscall.Conn{output, output}, files...) {
		descriptors = append(descriptors, osfile.FD(file))
	}
	return syscall.ForkExec(exe, []string{exe}, &syscall.ProcAttr{
		Env:   append(env.Environ(os.Environ()), proctest.RoleEnv(role)...),
		Files: descriptors,
	})
}

// line waits for the next report.
func (c *child) line() string {
	c.t.Helper()
	line, err := c.lines.ReadString('\n')
	if err != nil {
		c.t.Fatalf("the child ended without a report: %q, %v", line, err)
	}
	return line[:len(line)-1]
}

// rest waits for the end of the child and of all that it has started, and returns what they reported until then.
func (c *child) rest() string {
	c.t.Helper()
	rest, err := io.ReadAll(c.lines)
	if err != nil {
		c.t.Fatalf("the child does not end: %q, %v", rest, err)
	}
	return string(bytes.TrimSpace(rest))
}

// flags returns a descriptor's own flags and those that it shares with copies.
func flags(t *testing.T, file syscall.Conn) (own, shared int) {
	t.Helper()
	own, err := unix.FcntlInt(osfile.FD(file), unix.F_GETFD, 0)
	check(t, err)
	shared, err = unix.FcntlInt(osfile.FD(file), unix.F_GETFL, 0)
	check(t, err)
	return own, shared
}
