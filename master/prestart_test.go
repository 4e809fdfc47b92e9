package master

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/master/internal/fleet"
)

func TestPrestartComesFirst(t *testing.T) {
	s := supervise(t, "waits")
	s.waits()
	if status := s.status(); len(status.Workers) > 0 || status.Target != 1 {
		t.Errorf("status during the prestart command: %+v", status)
	}
	check(t, s.gate.Close())
	s.wantReports("prestart has waited", "worker of generation 1")

	outcome := s.reload("changed")
	s.wantReports("prestart: changed", "worker of generation 2")
	if o := <-outcome; !o.OK || o.Generation != 2 {
		t.Errorf("outcome %+v", o)
	}
	// A worker that is replaced later needs no prestart command.
	workers := s.status().Workers
	check(t, syscall.Kill(workers[len(workers)-1].PID, syscall.SIGKILL))
	s.wantReports("worker of generation 2")
	s.quit()
	if log := s.Stderr(); strings.Count(log, "this is stderr\n") != 2 || strings.Contains(log, "stdout") {
		t.Errorf("the log is %q", log)
	}
}

func TestPrestartFails(t *testing.T) {
	s := supervise(t, "fails")
	s.wantReports("prestart: fails")
	s.ends("ended: no worker became ready: test prestart failed: error: no such table")
	if log := s.Stderr(); !strings.Contains(log, "test: error: no such table\n") {
		t.Errorf("the log is %q", log)
	}
}

func TestPrestartCannotBeStarted(t *testing.T) {
	s := supervise(t, "no prestart")
	why := "test prestart failed: change directory: stat " + s.dir + "/nowhere: no such file or directory"
	s.ends("ended: no worker became ready: " + why)

	s = serving(t)
	if o := <-s.reload("no prestart"); o.OK || !strings.HasPrefix(o.Error, "test prestart failed: change directory: ") {
		t.Errorf("outcome %+v", o)
	}
	s.quit()
}

// The event of a failed start is handled after the actions that led to it.
func TestWorkerCannotBeStarted(t *testing.T) {
	s := supervise(t, "no worker")
	s.ends("ended: no worker became ready: start worker w1: change directory: stat " + s.dir + "/nowhere: no such file or directory")

	s = serving(t)
	want := "worker w1-1 could not be started: start worker w1-1: change directory: "
	if o := <-s.reload("no worker"); o.OK || !strings.HasPrefix(o.Error, want) {
		t.Errorf("outcome %+v, want %s", o, want)
	}
	if text := s.status().Workers[0].StatusText; text != "busy\uFFFD]0;gone\uFFFD" {
		t.Errorf("status text of the worker: %q", text)
	}
	s.quit()
}

func TestPrestartFailsInReload(t *testing.T) {
	s := serving(t)
	before := s.status().Workers
	outcome := s.reload("fails")
	s.wantReports("prestart: fails")
	if o := <-outcome; o.OK || o.Generation != 1 || o.Error != "test prestart failed: error: no such table" {
		t.Errorf("outcome %+v", o)
	}
	if after := s.status().Workers; len(after) != 1 || after[0].PID != before[0].PID {
		t.Errorf("workers %+v, before %+v", after, before)
	}
	outcome = s.reload("succeeds")
	s.wantReports("prestart: succeeds", "worker of generation 3")
	if o := <-outcome; !o.OK {
		t.Errorf("outcome %+v", o)
	}
	s.quit()
}

func TestStopDuringPrestart(t *testing.T) {
	s := supervise(t, "waits")
	pid := s.waits()
	s.Signal(syscall.SIGHUP) // must wait
	s.Signal(syscall.SIGTERM)
	s.ends("ended: <nil>")
	s.mustBeGone(pid)

	s = serving(t)
	outcome := s.reload("waits")
	pid = s.waits()
	s.Signal(syscall.SIGTERM)
	if o := <-outcome; o.OK || o.Error != fleet.ErrStopping.Error() {
		t.Errorf("outcome %+v", o)
	}
	s.ends("ended: <nil>")
	s.mustBeGone(pid)
}

func TestPrestartHangs(t *testing.T) {
	s := supervise(t, "waits")
	pid := s.waits()
	s.Send("late")
	s.wantReports("10m0s left")
	s.ends("ended: no worker became ready: test prestart failed: did not end within 10m0s")
	s.mustBeGone(pid)
}

// A process that the prestart command has started and left behind has its output open, and must not hold up the workers.
func TestPrestartLeavesChild(t *testing.T) {
	s := supervise(t, "leaves")
	s.wantReports("prestart: leaves", "worker of generation 1")
	check(t, s.gate.Close())
	s.quit()
}

// It runs in the directory and environment of the workers, but without an identity.
func TestPrestartEnvironment(t *testing.T) {
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "notify"), Net: "unixgram"})
	check(t, err)
	defer manager.Close()
	s := supervise(t, "environ", func(cmd *exec.Cmd) {
		cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+manager.LocalAddr().String(), "WATCHDOG_USEC=60000000",
			"LISTEN_PID=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=http",
			"MULTIPROC_SLOT=7", "MULTIPROC_ID=w7", "MULTIPROC_GENERATION=7", "MULTIPROC_PORT=tcp://10.0.0.1")
	})
	s.wantReports("prestart: environ", fmt.Sprintf("%s true %q", s.dir, []string{"MULTIPROC_PORT=tcp://10.0.0.1"}), "worker of generation 1")

	// The service manager is asked for as much time as the first worker may need to become ready.
	message := make([]byte, 1024)
	n, err := manager.Read(message)
	check(t, err)
	if got, want := string(message[:n]), fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (11*time.Minute).Microseconds()); got != want {
		t.Errorf("the service manager received %q, want %q", got, want)
	}
	s.quit()
}
