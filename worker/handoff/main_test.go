package handoff

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVariable names the environment variable that makes a process of this test binary something else than a run of
// the tests: a worker, or a master that can be killed.
const roleVariable = "HANDOFF_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		m.Run()
		return
	}
	if err := play(role); err != nil {
		fmt.Println(err)
		os.Exit(1) //nolint:forbidigo // it is the main function of the child
	}
	os.Exit(0) //nolint:forbidigo // without m.Run there is no exit status that the caller could take
}

func play(role string) error {
	switch role {
	case "inherit":
		return inheritChild()
	case "become":
		return becomeChild()
	case "master":
		return masterChild()
	}
	return fmt.Errorf("no role %q", role)
}

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// child is a process of this test binary in a role. It reports by lines.
type child struct {
	t     *testing.T
	pid   int
	lines *bufio.Reader
}

// fork starts a child with an outfit and these descriptors from 3 on. It is killed at the end of the test.
func fork(t *testing.T, role string, outfit Outfit, files ...syscall.Conn) *child {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	pid, err := forkRaw(role, outfit, w, files...)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		_ = r.Close()
	})
	return &child{t, pid, bufio.NewReader(r)}
}

// forkRaw starts a process as a master does: with raw descriptors, whose flags are left as they are.
func forkRaw(role string, outfit Outfit, stdout syscall.Conn, files ...syscall.Conn) (pid int, err error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, err
	}
	descriptors := []uintptr{0, 0, 2}
	for i, file := range append([]syscall.Conn{stdout}, files...) {
		fd, err := rawDescriptor(file)
		if err != nil {
			return 0, err
		}
		if i == 0 {
			descriptors[1] = fd
		} else {
			descriptors = append(descriptors, fd)
		}
	}
	return syscall.ForkExec(exe, []string{exe}, &syscall.ProcAttr{
		Env:   append(outfit.Environ(withoutRole(os.Environ())), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0"),
		Files: descriptors,
	})
}

// withoutRole is the environment of a process in a role without it: of two values a program may take either.
func withoutRole(env []string) []string {
	return slices.DeleteFunc(env, func(variable string) bool { return strings.HasPrefix(variable, roleVariable+"=") })
}

func rawDescriptor(file syscall.Conn) (fd uintptr, err error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(d uintptr) { fd = d })
	return fd, err
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

// rest waits for the end of the child and of all that it started, and gives what they reported until then.
func (c *child) rest() string {
	c.t.Helper()
	rest, err := io.ReadAll(c.lines)
	if err != nil {
		c.t.Fatalf("the child does not end: %q, %v", rest, err)
	}
	return string(bytes.TrimSpace(rest))
}

// flags are a descriptor's, and those of the file that it shares with others.
func flags(t *testing.T, file syscall.Conn) (own, shared int) {
	t.Helper()
	fd, err := rawDescriptor(file)
	if err == nil {
		own, err = unix.FcntlInt(fd, unix.F_GETFD, 0)
	}
	if err == nil {
		shared, err = unix.FcntlInt(fd, unix.F_GETFL, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return own, shared
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
