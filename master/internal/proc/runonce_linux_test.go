package proc

import (
	"os"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master/internal/fleet"
)

// stuckLog is a log whose reader does not read.
type stuckLog struct{ begun, over chan struct{} }

func (l *stuckLog) Write(chunk []byte) (int, error) {
	close(l.begun)
	<-l.over
	return len(chunk), nil
}

// A log that blocks must not hold up the master.
func TestRunWithStuckLog(t *testing.T) {
	exe, err := os.Executable()
	check(t, err)
	program, err := ResolveProgram(exe)
	check(t, err)
	defer func() { check(t, program.Close()) }()
	log := &stuckLog{make(chan struct{}), make(chan struct{})}
	defer close(log.over)
	done := make(chan []byte, 1)
	e, err := Command{
		Program: program,
		Args:    []string{"find program /nonexistent", "start", "/nonexistent"},
		Env:     append(os.Environ(), proctest.RoleEnv("program")...),
		Log:     log,
	}.Start(func(output []byte) { done <- output })
	check(t, err)
	status, err := Reap(e.PID)
	check(t, err)
	<-log.begun
	now := time.Now()
	e.Exited(fleet.Exit{Status: status}, now)
	if due := e.Due(); !due.Equal(now.Add(outputTimeout)) {
		t.Errorf("due in %v", due.Sub(now))
	}
	check(t, e.GiveUp())
	if output := <-done; len(output) > 0 {
		t.Errorf("output %q", output)
	}
	if err := e.Err(); err == nil || err.Error() != "no such file or directory" {
		t.Errorf("Err: %v", err)
	}
}

func TestRunErr(t *testing.T) {
	f := func(ended fleet.Exit, killed bool, stderr, want string) {
		t.Helper()
		e := Run{
			Command: Command{Program: &Program{Path: "/srv/app"}, Args: []string{"app", "migrate"}},
			killed:  killed,
			stderr:  &Capture{start: []byte(stderr)},
			exit:    &ended,
		}
		got := ""
		if err := e.Err(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("Err: %q, want %q", got, want)
		}
	}
	failed, died := fleet.Exit{Status: 1 << 8}, fleet.Exit{Status: syscall.WaitStatus(syscall.SIGKILL)}
	const said = "migrating to version 3\napp: error: disk full\n"
	f(fleet.Exit{}, false, said, "")
	f(fleet.Exit{}, true, said, "") // killed as it exited
	f(failed, false, said, "error: disk full")
	f(failed, false, "", "/srv/app exited with code 1")
	f(died, false, "migrating to version 3\n", "/srv/app was killed by signal 9 (killed): migrating to version 3")
	f(died, false, "", "/srv/app was killed by signal 9 (killed)")
	f(died, true, said, "/srv/app: did not end in time")
}

// A pause of the master does not count against a command.
func TestRunDelay(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	e := Run{Deadline: now}
	e.Delay(time.Hour)
	if !e.Due().Equal(now.Add(time.Hour)) {
		t.Errorf("due at %v", e.Due())
	}
	e = Run{}
	e.Delay(time.Hour)
	if !e.Due().IsZero() {
		t.Errorf("due at %v, want never", e.Due())
	}
}
