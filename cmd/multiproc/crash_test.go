package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestCrashLoop has workers that can no longer start. The master retries with a growing backoff and stays idle, readiness
// checks fail, and once the fault is gone the server serves again.
func TestCrashLoop(t *testing.T) {
	t.Parallel()
	starts := proctest.Rounds(4, 8)
	fault := filepath.Join(t.TempDir(), "fault")
	command := script(t,
		"if [ -e "+fault+" ]; then echo 'error: the database is gone' >&2; exit 1; fi",
		"exec "+lookPath(t, "testapp"))
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nhealth = "+health+"\ncommand = "+command+"\n")
	gauges := filepath.Join(s.metricsDir(), "gauge_live*_w1.db")
	if found, err := filepath.Glob(gauges); err != nil || len(found) == 0 {
		t.Fatalf("no files of live gauges: %v", err)
	}
	check(t, os.WriteFile(fault, nil, 0o600))
	before := proctest.CPUTime(t, s.cmd.Process.Pid)
	proctest.Kill(t, s.workers()[0], 9)

	// The first start is that of the worker that served.
	var at []time.Time
	for n := 2; n <= starts+1; n++ {
		waitFor(t, 2*time.Minute, fmt.Sprintf("start %d", n), func() bool { return s.log.Count("worker started") >= n })
	}
	waiting := s.await("what the slot waits for", func(status master.Status) bool { return len(status.Waiting) == 1 }).Waiting[0]
	if e := waiting.LastExit; waiting.Slot != 1 || waiting.Restarts < starts || e == nil || e.Reason != "crash" || e.How != "exited with code 1" {
		t.Errorf("the slot waits: %+v %+v", waiting, e)
	}
	if stdout, _, _ := s.run("status", "--ini", s.ini); !strings.Contains(stdout, "w1 ") || !strings.Contains(stdout, "starts in ") {
		t.Errorf("the status has no time of the next start:\n%s", stdout)
	}
	for _, line := range s.log.Lines("worker started")[1:] {
		at = append(at, timeOf(t, line))
	}
	// The worker that served may have done so for less than a second: then its death counts as early, too.
	for n := 2; n < len(at); n++ {
		least := time.Duration(float64(time.Second) * math.Pow(1.5, float64(n-2)))
		if gap := at[n].Sub(at[n-1]); gap < least-50*time.Millisecond {
			t.Errorf("start %d came %s after the one before, want at least %s", n+1, gap, least)
		}
	}
	passed := at[len(at)-1].Sub(at[0])
	used := proctest.CPUTime(t, s.cmd.Process.Pid) - before
	t.Logf("%d starts in %s, for which the master has used %s", len(at), passed.Round(time.Millisecond), used)
	if used > passed/10 {
		t.Error("the master is not idle")
	}

	if reason := s.unready(t, health); reason != "fewer than min-ready workers are ready" {
		t.Errorf("the reason in readyz is %q", reason)
	}
	if s.log.Count("error: the database is gone") < starts-1 { // the last one may not have logged it yet
		t.Errorf("not all that the workers said is in the log:\n%s", s.log)
	}
	if found, err := filepath.Glob(gauges); err != nil || len(found) > 0 {
		t.Errorf("live gauges of a worker that is dead: %q %v", found, err)
	}
	if !proctest.IsLong() { // in the long tier the next start is too far off
		check(t, os.Remove(fault))
		s.await("a ready worker", func(status master.Status) bool { return status.Ready() == 1 })
		if reason := s.unready(t, health); reason != "" {
			t.Errorf("the reason in readyz is %q", reason)
		}
	}
	s.stop()
}

// waitFor is proctest.Eventually with another deadline.
func waitFor(tb testing.TB, limit time.Duration, what string, is func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(limit); !is(); <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// timeOf returns the time of a log line.
func timeOf(tb testing.TB, line string) time.Time {
	tb.Helper()
	_, text, _ := strings.Cut(line, "time=")
	text, _, _ = strings.Cut(text, " ")
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		tb.Fatalf("%q: %v", line, err)
	}
	return at
}

// TestColdStartFails has workers that cannot start at all: the server exits with a code of its own, and its last line gives
// the reason.
func TestColdStartFails(t *testing.T) {
	for _, start := range []struct {
		name, ini, env, want string
	}{
		{"the worker logs the reason", appINI(t), "APP_FAIL=the database is gone", "testapp: error: the database is gone"},
		{"no such program", "command = /nonexistent/program -x\n", "", "/nonexistent/program"},
		{"it ends without a word", "command = /bin/false\n", "", "exited with code 1"},
		{"it ends without a word as if all were well", "command = /bin/true\n", "", "exited with code 0"},
		{"it does not get ready", "start-timeout = 1\n" + appINI(t), "APP_NEVER_READY=1", "start-timeout: a program that never sends READY=1 to NOTIFY_SOCKET needs notify = false"},
		{"it ends too early to count as ready", "notify = false\ncommand = /bin/false\n", "", "exited with code 1"},
	} {
		t.Run(start.name, func(t *testing.T) {
			t.Parallel()
			s, code := startFailing(t, "socket = 127.0.0.1:0\nprocesses = 2\npidfile = multiproc.pid\n"+start.ini, withEnv(start.env))
			if code != 3 {
				t.Errorf("exit code %d, want 3", code)
			}
			lines := s.log.Lines()
			if last := lines[len(lines)-1]; !hasAll(last, []string{"multiproc: no worker became ready", start.want}) {
				t.Errorf("the last line is %q", last)
			}
			if n := s.log.Count("worker started"); n > 2 {
				t.Errorf("%d starts of 2 workers", n)
			}
			if t.Failed() {
				t.Logf("log:\n%s", s.log)
			}
			for _, left := range []string{filepath.Join(s.dir, "multiproc.pid"), s.control()} {
				if fileExists(left) {
					t.Errorf("%s is left", left)
				}
			}
		})
	}
}
