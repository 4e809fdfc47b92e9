package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/master"
)

// What /proc says of the processes that a test has started.

// eventually waits until something holds. It asks again and again, so it is for what has no event to wait for.
func eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	deadline := time.Now().Add(patience)
	for !is() {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// stat are the fields of /proc/PID/stat after the name, the first of which is the state; nil when there is no such process.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// alive is whether there is such a process, and it is no zombie.
func alive(pid int) bool {
	fields := stat(pid)
	return fields != nil && fields[0] != "Z" && fields[0] != "X"
}

// nameOf is the name of the program that a process runs, or what it calls itself.
func nameOf(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(text))
}

// cpuTime is what a process has used. The kernel counts in hundredths of a second here.
func cpuTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	fields := stat(pid)
	if fields == nil {
		tb.Fatalf("no process %d", pid)
	}
	total := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			tb.Fatal(err)
		}
		total += n
	}
	return time.Duration(total) * 10 * time.Millisecond
}

// children are the processes that a process is the parent of, zombies included.
func children(pid int) []int {
	var found []int
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		child, _ := strconv.Atoi(filepath.Base(process))
		if fields := stat(child); fields != nil && fields[1] == strconv.Itoa(pid) {
			found = append(found, child)
		}
	}
	return found
}

// environ is the environment that a process was started with.
func environ(tb testing.TB, pid int) []string {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		tb.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// links are the descriptors of a process with what they are, such as socket:[12345]; nil when there is no such process.
func links(pid int) map[int]string {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return nil
	}
	found := map[int]string{}
	for _, entry := range entries {
		fd, _ := strconv.Atoi(entry.Name())
		if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd)); err == nil {
			found[fd] = to
		}
	}
	return found
}

// listening are the listening sockets of this machine, written as links writes them.
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
		{"/proc/net/unix", 3, 6, "00010000"}, // the flag of a socket that accepts
	} {
		text, err := os.ReadFile(table.path)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) > table.inode && fields[table.state] == table.listeningWhen {
				found["socket:["+fields[table.inode]+"]"] = true
			}
		}
	}
	return found
}

// flags are those with which a descriptor is open, as open(2) has them; false when it is gone.
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

// pidsOf are the processes of the workers in a state, or of all of them.
func pidsOf(status master.Status, states ...master.State) []int {
	var pids []int
	for _, w := range status.Workers {
		if len(states) == 0 || slices.Contains(states, w.State) {
			pids = append(pids, w.PID)
		}
	}
	return pids
}

// workers are the processes of the workers at the moment.
func (s *server) workers() []int {
	s.tb.Helper()
	status, err := s.status()
	if err != nil {
		s.tb.Fatalf("%v\n%s", err, s.log)
	}
	return pidsOf(status)
}

// awaitReplaced waits until as many workers are ready as there are to be, and none of these is among them.
func (s *server) awaitReplaced(pids ...int) master.Status {
	s.tb.Helper()
	return s.await("other workers in their place", func(status master.Status) bool {
		return status.Ready() == status.Target && !slices.ContainsFunc(pidsOf(status), func(pid int) bool {
			return slices.Contains(pids, pid)
		})
	})
}

// awaitGone waits until there are no such processes any more.
func awaitGone(tb testing.TB, pids ...int) {
	tb.Helper()
	eventually(tb, fmt.Sprintf("the end of the processes %d", pids), func() bool {
		return !slices.ContainsFunc(pids, alive)
	})
}

// kill sends a signal to a process that is there.
func kill(tb testing.TB, pid int, signal syscall.Signal) {
	tb.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		tb.Fatalf("%s to %d: %v", signal, pid, err)
	}
}

// script writes a shell script that a test runs as the workers' command, and returns its path.
func script(tb testing.TB, lines ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "worker.sh")
	text := "#!/bin/sh\n" + strings.Join(lines, "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		tb.Fatal(err)
	}
	return path
}

// lookPath is the path of a program under whose name the test binary is something else; see TestMain.
func lookPath(tb testing.TB, name string) string {
	tb.Helper()
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if path := filepath.Join(dir, name); fileExists(path) {
			return path
		}
	}
	tb.Fatalf("no %s in PATH", name)
	return ""
}

func fileExists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// startFailing starts a server that is not to serve, and returns it when it has ended, with its exit code.
func startFailing(tb testing.TB, ini string, options ...func(*serverOptions)) (*server, exitCode) {
	tb.Helper()
	s := startServer(tb, ini, append(options, failing)...)
	return s, s.exitCode()
}

// commandIn is a program that is run in a directory, and killed at the end of the test at the latest.
func commandIn(tb testing.TB, dir string, args ...string) *exec.Cmd {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	return cmd
}
