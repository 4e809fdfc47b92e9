package master

import (
	"os"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master/internal/fleet"
)

// stuckLog is a log that nobody reads.
type stuckLog struct{ begun, over chan struct{} }

func (l *stuckLog) Write(chunk []byte) (int, error) {
	close(l.begun)
	<-l.over
	return len(chunk), nil
}

// What an errand says must not keep its master waiting.
func TestErrandWithStuckLog(t *testing.T) {
	exe, err := os.Executable()
	check(t, err)
	program, err := resolveProgram(exe)
	check(t, err)
	defer func() { check(t, program.close()) }()
	log := &stuckLog{make(chan struct{}), make(chan struct{})}
	defer close(log.over)
	done := make(chan []byte, 1)
	e, err := startErrand(command{
		program: program,
		args:    []string{"find program /nonexistent", "start", "/nonexistent"},
		env:     append(os.Environ(), proctest.RoleEnv("program")...),
		log:     log,
	}, func(output []byte) { done <- output })
	check(t, err)
	status, err := reapChild(e.pid)
	check(t, err)
	<-log.begun
	now := time.Now()
	e.exited(fleet.Exit{Status: status}, now)
	if due := e.due(); !due.Equal(now.Add(lastWords)) {
		t.Errorf("it has %v left", due.Sub(now))
	}
	check(t, e.giveUp())
	if output := <-done; len(output) > 0 {
		t.Errorf("output %q", output)
	}
	if err := e.outcome(); err == nil || err.Error() != "no such file or directory" {
		t.Errorf("outcome: %v", err)
	}
}

func TestErrandOutcome(t *testing.T) {
	f := func(ended fleet.Exit, killed bool, stderr, want string) {
		t.Helper()
		e := errand{
			command: command{program: &program{path: "/srv/app"}, args: []string{"app", "migrate"}},
			killed:  killed,
			stderr:  &capture{start: []byte(stderr)},
			ended:   &ended,
		}
		got := ""
		if err := e.outcome(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q instead of %q", got, want)
		}
	}
	failed, died := fleet.Exit{Status: 1 << 8}, fleet.Exit{Status: syscall.WaitStatus(syscall.SIGKILL)}
	const said = "migrating to version 3\napp: error: disk full\n"
	f(fleet.Exit{}, false, said, "")
	f(fleet.Exit{}, true, said, "") // at the last moment
	f(failed, false, said, "error: disk full")
	f(failed, false, "", "/srv/app exited with code 1")
	f(died, false, "migrating to version 3\n", "/srv/app was killed by signal 9 (killed): migrating to version 3")
	f(died, false, "", "/srv/app was killed by signal 9 (killed)")
	f(died, true, said, "/srv/app: did not end in time")
}

// A master that was stopped for a while knows nothing of that time.
func TestErrandShift(t *testing.T) {
	now := time.Unix(1_000_000_000, 0)
	e := errand{deadline: now}
	e.shift(time.Hour)
	if !e.due().Equal(now.Add(time.Hour)) {
		t.Errorf("due at %v", e.due())
	}
	e = errand{}
	e.shift(time.Hour)
	if !e.due().IsZero() {
		t.Errorf("due at %v, but nothing is waited for", e.due())
	}
}
