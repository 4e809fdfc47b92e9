package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"

	"multiproc/master"
)

// nameOf returns the name of the program that a process runs, or the name that it gave itself.
func nameOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// listening returns the listening sockets of this machine in the form of proctest.Descriptors.
func listening(tb testing.TB) map[string]bool {
	tb.Helper()
	found := map[string]bool{}
	for _, table := range []struct {
		path          string
		state, inode  int
		listeningWhen string
	}{
		{"/proc/net/tcp", 3, 9, "0A"},
		{"/proc/net/tcp6", 3, 9, "0A"},
		{"/proc/net/unix", 3, 6, "00010000"}, // the flag of a listening socket
	} {
		text, err := os.ReadFile(table.path)
		check(tb, err)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > table.inode && fields[table.state] == table.listeningWhen {
				found["socket:["+fields[table.inode]+"]"] = true
			}
		}
	}
	return found
}

// flags returns the flags of an open descriptor as open(2) has them; false if it is closed.
func flags(pid, fd int) (int, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return 0, false
	}
	_, rest, _ := strings.Cut(string(text), "flags:")
	rest, _, _ = strings.Cut(rest, "\n")
	value, err := strconv.ParseInt(strings.TrimSpace(rest), 8, 64)
	return int(value), err == nil
}

// pidsOf returns the processes of the workers in these states, or of all workers.
func pidsOf(status master.Status, states ...master.State) []int {
	var pids []int
	for _, w := range status.Workers {
		if len(states) == 0 || slices.Contains(states, w.State) {
			pids = append(pids, w.PID)
		}
	}
	return pids
}

// workers returns the processes of the workers.
func (s *testServer) workers() []int {
	s.tb.Helper()
	status, err := s.status()
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, s.log)
	}
	return pidsOf(status)
}

// awaitReplaced waits until the target number of workers is ready and none of these is among them.
func (s *testServer) awaitReplaced(pids ...int) master.Status {
	s.tb.Helper()
	return s.await("other workers in their place", func(status master.Status) bool {
		return status.Ready() == status.Target && !slices.ContainsFunc(pidsOf(status), func(pid int) bool {
			return slices.Contains(pids, pid)
		})
	})
}

// killWorkers kills all workers and waits for others in their place.
func (s *testServer) killWorkers() {
	s.tb.Helper()
	killed := s.workers()
	for _, pid := range killed {
		proctest.Kill(s.tb, pid, syscall.SIGKILL)
	}
	s.awaitReplaced(killed...)
}

// script writes a shell script for the workers' command and returns its path.
func script(tb testing.TB, lines ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "worker.sh")
	text := "#!/bin/sh\n" + strings.Join(lines, "\n") + "\n"
	check(tb, os.WriteFile(path, []byte(text), 0o700))
	return path
}

// lookPath returns the path of a program, such as one that the test binary acts as; see TestMain.
func lookPath(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	check(tb, err)
	return path
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// startFailing starts a server that must not serve, and returns it once it has exited, with its exit code.
func startFailing(tb testing.TB, ini string, options ...func(*serverOptions)) (*testServer, exitCode) {
	tb.Helper()
	s := startServer(tb, ini, append(options, failing)...)
	return s, s.exitCode()
}

// commandIn returns a command that runs in a directory and is killed at the end of the test.
func commandIn(tb testing.TB, dir string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	return cmd
}
