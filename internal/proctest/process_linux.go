package proctest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stat returns the fields of /proc/PID/stat after the name, the first of which is the state; nil if there is no such process.
func stat(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// State returns the letter of a process's state as proc(5) has it, or "" if there is no such process.
func State(pid int) string {
	if fields := stat(pid); fields != nil {
		return fields[0]
	}
	return ""
}

// Alive reports whether there is such a process and it is no zombie. A zombie whose other threads have not ended has still files
// open.
func Alive(pid int) bool {
	switch State(pid) {
	case "", "X":
		return false
	case "Z":
		threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		return len(threads) > 1
	}
	return true
}

// AwaitGone waits until none of these processes runs.
func AwaitGone(tb testing.TB, pids ...int) {
	tb.Helper()
	Eventually(tb, fmt.Sprintf("the end of the processes %d", pids), func() bool { return !slices.ContainsFunc(pids, Alive) })
}

// Children returns the processes whose parent pid is, zombies included.
func Children(pid int) []int {
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

// CPUTime returns the processor time that a process has used. The kernel counts in hundredths of a second here.
func CPUTime(tb testing.TB, pid int) time.Duration {
	tb.Helper()
	fields := stat(pid)
	if fields == nil {
		tb.Fatalf("no process %d", pid)
	}
	total := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		check(tb, err)
		total += n
	}
	return time.Duration(total) * 10 * time.Millisecond
}

// Environ returns the environment that a process was started with.
func Environ(tb testing.TB, pid int) []string {
	tb.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	check(tb, err)
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// Descriptors returns what the descriptors of a process are, such as socket:[12345]; nil if there is no such process.
func Descriptors(pid int) map[int]string {
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

// Kill sends a signal to a process, which must exist.
func Kill(tb testing.TB, pid int, signal syscall.Signal) {
	tb.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		tb.Fatalf("%s to %d: %v", signal, pid, err)
	}
}
