package handoff

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// becomeChild is a worker that becomes another program, a shell, which reports its environment and descriptors.
func becomeChild() error {
	script := `echo pid $$ $LISTEN_PID fds $LISTEN_FDS; for fd in 3 4; do [ -e /proc/$$/fd/$fd ] && echo has $fd; done; ` +
		`[ -n "$WAIT" ] && exec sleep 1000; true`
	return Become("/bin/sh", []string{"sh", "-c", script})
}

// masterChild is a master that starts a becomeChild and waits to be killed.
func masterChild() error {
	runtime.LockOSThread() // the kernel kills the worker with this thread
	_, lifeline, err := NewLifeline()
	if err != nil {
		return err
	}
	if err := os.Setenv("WAIT", "yes"); err != nil {
		return err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	if _, err := forkRaw("become", WorkerEnv{Names: []string{"http"}}, os.Stdout, null, lifeline); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.NewFile(3, "never"))
	return err
}

func TestBecome(t *testing.T) {
	_, lifeline := newLifeline(t)
	c := fork(t, "become", WorkerEnv{Names: []string{"http"}}, listenOn(t, "tcp", "127.0.0.1:0").(syscall.Conn), lifeline.file)
	if want := fmt.Sprintf("pid %d %d fds 1\nhas 3", c.pid, c.pid); c.rest() != want {
		t.Errorf("want %s", want)
	}
}

func TestBecomeWithoutAMaster(t *testing.T) {
	tether, lifeline := newLifeline(t)
	check(t, tether.Close())
	c := fork(t, "become", WorkerEnv{Names: []string{"http"}}, listenOn(t, "tcp", "127.0.0.1:0").(syscall.Conn), lifeline.file)
	if rest := c.rest(); rest != "start /bin/sh: "+ErrMasterGone.Error() {
		t.Error(rest)
	}
}

// The other program does not know the lifeline.
func TestBecomeEndsWithItsMaster(t *testing.T) {
	tether, lifeline := newLifeline(t)
	defer tether.Close()
	master := fork(t, "master", WorkerEnv{}, lifeline.file)
	pid, err := strconv.Atoi(strings.Fields(master.line())[1])
	check(t, err)
	t.Cleanup(func() {
		if err := syscall.Kill(pid, 0); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if err := syscall.Kill(master.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	master.rest() // until the worker, too, has closed the pipe
}

func TestAddress(t *testing.T) {
	pid := strconv.Itoa(os.Getpid())
	t.Setenv("LISTEN_PID", "1")
	t.Setenv("WATCHDOG_PID", "")
	check(t, AdoptEnviron())
	if os.Getenv("LISTEN_PID") != pid || os.Getenv("WATCHDOG_PID") != "" {
		t.Errorf("LISTEN_PID %q, WATCHDOG_PID %q", os.Getenv("LISTEN_PID"), os.Getenv("WATCHDOG_PID"))
	}
	t.Setenv("WATCHDOG_USEC", "1")
	check(t, AdoptEnviron())
	if os.Getenv("WATCHDOG_PID") != pid {
		t.Errorf("WATCHDOG_PID %q", os.Getenv("WATCHDOG_PID"))
	}
}
