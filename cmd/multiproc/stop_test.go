package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestStop stops a busy server: it is ready until then, and all of its requests are answered.
func TestStop(t *testing.T) {
	t.Parallel()
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nhealth = "+health+"\n"+appINI(t))
	requests := startSlow(s, 100, 3*time.Second)
	for _, address := range []string{s.address, health} {
		if reason := s.unready(t, address); reason != "" {
			t.Errorf("a busy server is unready: %s", reason)
		}
	}
	s.signal(syscall.SIGTERM)
	s.mustExit(0)
	requests.mustAnswer(100)
	if s.log.Count("msg=stopped", "workers_drained=2", "workers_cut=0") != 1 {
		t.Errorf("the log does not say that both workers have drained:\n%s", s.log)
	}
}

// TestStopFast stops a server at once, or after stop-mercy, although it has a long request. The exit code is 0.
func TestStopFast(t *testing.T) {
	const long = "stop-mercy = 1h\n"
	for _, way := range []struct {
		name    string
		ini     string
		signals []syscall.Signal // none: the command
	}{
		{"INT", long, []syscall.Signal{syscall.SIGINT}},
		{"TERM twice", long, []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}},
		{"QUIT, then INT", long, []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT}},
		{"stop --fast", long, nil},
		{"stop-mercy", "stop-mercy = 1\n", []syscall.Signal{syscall.SIGTERM}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, "socket = 127.0.0.1:0\n"+way.ini+appINI(t))
			startSlow(s, 4, time.Minute)
			workers := s.workers()
			began := time.Now()
			for i, signal := range way.signals {
				if i > 0 {
					s.log.Wait(t, s.done, "msg=stopping")
				}
				s.signal(signal)
			}
			if len(way.signals) == 0 {
				runIn(t, s.dir, "", "stop", "--fast", "--ini", s.ini)
			}
			s.mustExit(0)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("stopped after %s", took)
			}
			if s.log.Count("msg=stopped", "workers_drained=0", "workers_cut=1") != 1 {
				t.Errorf("the log does not say that a worker was cut:\n%s", s.log)
			}
			proctest.AwaitGone(t, workers...)
		})
	}
}

// TestStopDuringStart stops a server whose workers are not ready yet, by signals until it is gone.
func TestStopDuringStart(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n"+appINI(t), withEnv("APP_NEVER_READY=1"), failing)
	s.await("workers", func(status master.Status) bool { return len(status.Workers) == 2 })
	workers := s.workers()
	s.signal(syscall.SIGTERM)
	s.log.Wait(t, s.done, "msg=stopping")
	for s.cmd.Process.Signal(syscall.SIGINT) == nil { // whenever they come, signals do not change the exit code
	}
	s.mustExit(0)
	proctest.AwaitGone(t, workers...)
}

// TestShutdownDelay lets a load balancer notice that the server is not ready any more, while clients are still served.
func TestShutdownDelay(t *testing.T) {
	t.Parallel()
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nshutdown-delay = 3\nhealth = "+health+"\n")
	if reason := s.unready(t, s.address); reason != "" {
		t.Fatalf("unready before the stop: %s", reason)
	}
	began := time.Now()
	s.signal(syscall.SIGTERM)
	proctest.Eventually(t, "unreadiness", func() bool {
		for range 10 { // any worker
			if s.unready(t, s.address) == "" {
				return false
			}
		}
		return s.unready(t, health) != ""
	})
	for address, want := range map[string]string{s.address: "made unready by the master", health: "the master is stopping"} {
		if reason := s.unready(t, address); reason != want {
			t.Errorf("reason %q, want %q", reason, want)
		}
	}
	s.wantVisit(http.StatusOK, "/", "")
	s.mustExit(0)
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("stopped after %s, before the delay was over", took)
	}
}

// unready returns the reason that the readiness check at an address gives; empty if it is ready.
func (s *testServer) unready(tb testing.TB, address string) string {
	tb.Helper()
	at := *s
	at.address = address
	code, body := at.get("/readyz")
	var answer struct{ Status, Reason string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		tb.Fatalf("readyz: %d %q: %v", code, body, err)
	}
	switch {
	case code == http.StatusOK && answer.Status == "ok" && answer.Reason == "":
	case code == http.StatusServiceUnavailable && answer.Status == "unavailable" && answer.Reason != "":
	default:
		tb.Errorf("readyz: %d %s", code, body)
	}
	return answer.Reason
}

// TestStopCommand stops a server by the command, which waits: once it has returned, another server can take all that the
// first one had.
func TestStopCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ini := "socket = " + freeAddress(t) + "\nsocket = " + filepath.Join(dir, "http.sock") +
		"\npidfile = multiproc.pid\nprocesses = 2\nvacuum = true\n"
	s := startServer(t, ini)
	for range 5 {
		if stdout, stderr, code := s.run("stop", "--ini", s.ini); code != 0 || stdout != "" || stderr != "" {
			t.Fatalf("stop: exit code %d: %s%s\n%s", code, stdout, stderr, s.log)
		}
		next := startServer(t, ini, in(s.dir))
		s.mustExit(0)
		s = next
	}
	s.stop()
	for _, left := range []string{filepath.Join(dir, "http.sock"), filepath.Join(s.dir, "multiproc.pid"), s.control()} {
		if fileExists(left) {
			t.Errorf("%s is left", left)
		}
	}
}

// TestStopOfPID1 has the master as the first process of a container: it reaps what workers leave behind, and without a
// handler the kernel would not even end it by TERM.
func TestStopOfPID1(t *testing.T) {
	t.Parallel()
	unshare := unsharePath(t)
	// Two processes that only their ancestor can reap: one exits at once, one later.
	command := script(t,
		`sh -c "true & sleep 0.2 & exit 0"`,
		`exec `+lookPath(t, "testapp"))
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ncommand = "+command+"\n", wrapped(unshare, "--pid", "--fork", "--mount-proc"))
	inside := proctest.Children(s.cmd.Process.Pid)
	if len(inside) != 1 {
		t.Fatalf("%d children of unshare", len(inside))
	}
	if status, err := s.status(); err != nil || status.PID != 1 {
		t.Fatalf("the master has pid %d, %v", status.PID, err)
	}
	proctest.Eventually(t, "the end of all orphans", func() bool { return len(proctest.Children(inside[0])) == 2 })

	requests := startSlow(s, 10, time.Second)
	proctest.Kill(t, inside[0], syscall.SIGTERM)
	s.mustExit(0)
	requests.mustAnswer(10)
}

// unsharePath returns the program that makes namespaces, which needs root.
func unsharePath(t *testing.T) string {
	t.Helper()
	s := testServer{tb: t, dir: t.TempDir()}
	path := "/usr/bin/unshare"
	if !fileExists(path) {
		proctest.Missing(t, "there is no "+path)
	}
	if out, err := s.command(path, "--pid", "--fork", "--mount-proc", "true"); err != nil {
		proctest.Missing(t, fmt.Sprintf("no namespace can be made: %v: %s", err, out))
	}
	return path
}

// command runs a program to its end and returns its output.
func (s *testServer) command(args ...string) (string, error) {
	cmd := commandIn(s.tb, s.dir, args...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
