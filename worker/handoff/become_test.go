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

// becomeChild is a worker that is another program, a shell, which reports what it has.
func becomeChild() error {
	script := `echo pid $$ $LISTEN_PID fds $LISTEN_FDS; for fd in 3 4; do [ -e /proc/$$/fd/$fd ] && echo has $fd; done; ` +
		`[ -n "$WAIT" ] && exec sleep 1000; true`
	return Become("/bin/sh", []string{"sh", "-c", script})
}

// masterChild is a master that starts becomeChild, and waits to be killed.
func masterChild() error {
	runtime.LockOSThread() // which the worker's life depends on
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
	if _, err := forkRaw("become", Outfit{Names: []string{"http"}}, os.Stdout, null, lifeline); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.NewFile(3, "never"))
	return err
}

func TestBecome(t *testing.T) {
	_, lifeline := newLifeline(t)
	c := fork(t, "become", Outfit{Names: []string{"http"}}, listenOn(t, "tcp", "127.0.0.1:0").(syscall.Conn), lifeline.file)
	if want := fmt.Sprintf("pid %d %d fds 1\nhas 3", c.pid, c.pid); c.rest() != want {
		t.Errorf("want %s", want)
	}
}

func TestBecomeWithoutAMaster(t *testing.T) {
	tether, lifeline := newLifeline(t)
	if err := tether.Close(); err != nil {
		t.Fatal(err)
	}
	c := fork(t, "become", Outfit{Names: []string{"http"}}, listenOn(t, "tcp", "127.0.0.1:0").(syscall.Conn), lifeline.file)
	if rest := c.rest(); rest != "start /bin/sh: "+ErrMasterGone.Error() {
		t.Error(rest)
	}
}

// TestBecomeEndsWithItsMaster: the other program knows nothing of a lifeline.
func TestBecomeEndsWithItsMaster(t *testing.T) {
	tether, lifeline := newLifeline(t)
	defer tether.Close()
	master := fork(t, "master", Outfit{}, lifeline.file)
	pid, err := strconv.Atoi(strings.Fields(master.line())[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, 0); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	if err := syscall.Kill(master.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		t.Fatal(err)
	}
	master.rest() // until nobody holds the pipe
}
