package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// startLogging starts a server that logs to a file, and returns the file.
func startLogging(tb testing.TB, ini string) (s *testServer, path string) {
	tb.Helper()
	dir := tb.TempDir()
	path = filepath.Join(dir, "multiproc.log")
	address := freeAddress(tb)
	s = startServer(tb, "socket = "+address+"\nlogto = "+path+"\n"+ini, in(dir), at(address))
	return s, path
}

// logHas reports whether a file has a line with all these parts.
func logHas(path string, parts ...string) bool {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if hasAll(line, parts) {
			return true
		}
	}
	return false
}

// TestLogIsReopened renames the log, as logrotate does, and sends USR1. The master and every worker go on in the new file,
// and no line is torn by concurrent writes.
func TestLogIsReopened(t *testing.T) {
	s, path := startLogging(t, "processes = 3\n")
	l := startLoad(s, client{"tcp", s.address, "/", true}, client{"tcp", s.address, "/", false})
	proctest.Eventually(t, "requests in the log", func() bool { return logHas(path, "path=/") })
	const rotations = 3
	for n := range rotations {
		old := path + string(rune('1'+n))
		check(t, os.Rename(path, old))
		s.signal(syscall.SIGUSR1)
		proctest.Eventually(t, "the master in the new log", func() bool { return logHas(path, "log reopened") })
		for _, worker := range []string{"w1", "w2", "w3"} {
			proctest.Eventually(t, worker+" in the new log", func() bool { return logHas(path, "worker="+worker, "path=/") })
		}
		for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
			for fd, to := range proctest.Descriptors(pid) {
				if strings.HasPrefix(to, old) {
					t.Errorf("process %d (the master is %d) still has %s open as %d", pid, s.cmd.Process.Pid, to, fd)
				}
			}
		}
	}
	l.mustHaveLostNone()

	// A worker that starts later writes there as well.
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	s.stop()
	if !logHas(path, "worker exited unexpectedly") || !logHas(path, "msg=stopped") {
		t.Error("the end is not in the last log")
	}
	whole := regexp.MustCompile(`^(time=\S+ level=[A-Z]+ msg=.*)$`)
	for n := range rotations + 1 {
		name := path + string(rune('1'+n))
		if n == rotations {
			name = path
		}
		text, err := os.ReadFile(name)
		check(t, err)
		for line := range strings.Lines(string(text)) {
			if !whole.MatchString(strings.TrimSuffix(line, "\n")) || strings.Count(line, "time=") != 1 {
				t.Errorf("%s: %q", name, line)
			}
		}
	}
	if s.log.String() != "" {
		t.Errorf("on stderr, though there is a log:\n%s", s.log)
	}
}

// TestLogIsReopenedDuringStart reopens the log while workers start that have inherited the old one.
func TestLogIsReopenedDuringStart(t *testing.T) {
	t.Parallel()
	rounds := proctest.Rounds(10, 30)
	s, path := startLogging(t, "processes = 2\n")
	for round := range rounds {
		reloaded := make(chan struct{})
		go func() {
			defer close(reloaded)
			s.reload()
		}()
		s.await("a worker that starts", func(status master.Status) bool {
			return len(status.Workers) > 2 || int(status.Generation) > round+1
		})
		check(t, os.Rename(path, path+".old"))
		s.signal(syscall.SIGUSR1)
		<-reloaded
		proctest.Eventually(t, "all logging to the new log", func() bool {
			return !slices.ContainsFunc(pidsOf(s.awaitNoneDraining()), func(pid int) bool {
				open := proctest.Descriptors(pid)
				return open[1] != path || open[2] != path
			})
		})
	}
	s.stop()
}

// TestLogCannotBeReopened goes on with the old log.
func TestLogCannotBeReopened(t *testing.T) {
	s, path := startLogging(t, "")
	old := path + ".old"
	check(t, os.Rename(path, old))
	check(t, os.Mkdir(path, 0o700))
	s.signal(syscall.SIGUSR1)
	proctest.Eventually(t, "the fault in the old log", func() bool { return logHas(old, "cannot reopen log") })
	s.wantVisit(http.StatusOK, "/livez", "")
	s.stop()
	if !logHas(old, "msg=stopped") {
		t.Error("the old log does not have the end")
	}
}

// TestSignalsWithoutMeaning sends USR2 to the master, and the master's signals to workers.
func TestSignalsWithoutMeaning(t *testing.T) {
	for name, command := range map[string]string{"own worker": "", "command": appINI(t)} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n"+command)
			before := s.workers()
			s.signal(syscall.SIGUSR2)
			for _, pid := range before {
				for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGPIPE} {
					proctest.Kill(t, pid, signal)
				}
			}
			s.log.Wait(t, s.done, "signal ignored")
			for range 20 {
				s.wantVisit(http.StatusOK, "/readyz", "")
			}
			if after := s.workers(); !slices.Equal(after, before) {
				t.Errorf("workers %d, before %d\n%s", after, before, s.log)
			}
			status, err := s.status()
			if err != nil || status.Generation != 1 || status.Reloading {
				t.Errorf("%+v %v", status, err)
			}
			s.stop()
		})
	}
}
