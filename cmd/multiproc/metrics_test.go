package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/cmd/internal/page"
	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestInspectStoppedServer inspects a server of which every process is stopped, so that none could answer.
func TestInspectStoppedServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	s.get("/")
	all := append(s.workers(), s.cmd.Process.Pid)
	for _, pid := range all {
		proctest.Kill(t, pid, syscall.SIGSTOP)
	}
	defer func() {
		for _, pid := range all {
			proctest.Kill(t, pid, syscall.SIGCONT)
		}
	}()
	stdout, stderr, code := s.run("metrics", "top", "--json", "--interval", "100ms", "--ini", s.ini)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var v struct {
		Running bool
		Master  struct {
			PID   int
			State string
		}
		Workers []struct {
			ID, State string
			PID       int
			Resident  float64 `json:"resident_bytes"`
			Requests  float64 `json:"requests_per_second"`
		}
	}
	check(t, json.Unmarshal([]byte(stdout), &v))
	if !v.Running || v.Master.PID != s.cmd.Process.Pid || v.Master.State != "stopped" || len(v.Workers) != 2 {
		t.Errorf("%+v", v)
	}
	for i, w := range v.Workers {
		if w.ID != fmt.Sprintf("w%d", i+1) || w.State != "stopped" || w.PID != all[i] || w.Resident < 1<<20 {
			t.Errorf("%+v", w)
		}
	}
	for _, args := range [][]string{{"ls"}, {"show", "--sample", "http_requests_total"}, {"dump"}, {"watch", "--count", "2"}} {
		runIn(t, s.dir, "", append([]string{"metrics", args[0], "--ini", s.ini}, args[1:]...)...)
	}
}

// TestStatusFileOfServer reads the status file of a running master and of one that was killed.
func TestStatusFileOfServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	waitFor(t, proctest.Patience, "the worker's restart in the status file", func() bool {
		n := page.ReadStatusFile(s.metricsDir())
		return n != nil && n.Status.Ready() == 2 && n.Status.PID == s.cmd.Process.Pid && slices.ContainsFunc(n.Status.Workers, func(w master.WorkerStatus) bool { return w.Restarts == 1 })
	})
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	s.exitCode()
	stdout, stderr, code := s.run("metrics", "top", "--once", "--ini", s.ini)
	if code != 0 || !strings.Contains(stdout, "nothing is running") || !strings.Contains(stdout, "crash, was killed by signal 9") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

// TestWatchReaderGone closes the pipe that watch prints to: it exits.
func TestWatchReaderGone(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 1\ndisable-logging = true\n")
	startLoad(s, client{"tcp", s.address, "/", true})
	read, write, err := os.Pipe()
	check(t, err)
	cmd := commandIn(t, s.dir, lookPath(t, "multiproc"), "metrics", "watch", "--interval", "100ms", "--ini", s.ini)
	cmd.Stdout = write
	check(t, cmd.Start())
	_ = write.Close()
	if _, err := io.ReadFull(read, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	proctest.AwaitGone(t, cmd.Process.Pid)
	_ = cmd.Wait() // it is killed by SIGPIPE
}

// makeLargeDirectory creates a directory as a Python server with many former processes has it: one file of counters for each.
func makeLargeDirectory(tb testing.TB, dir string, processes, counters int) {
	tb.Helper()
	for p := range processes {
		var entries []byte
		for i := range counters {
			key := fmt.Sprintf(`["app_requests", "app_requests_total", {"path": "/api/v1/resource/%d"}, "Requests."]`, i)
			entries = appendSample(entries, key, float64(p+i))
		}
		path := filepath.Join(dir, fmt.Sprintf("counter_%d.db", 1_000_000_000+p)) // no such pids
		check(tb, os.WriteFile(path, metricFile(entries), 0o600))
		check(tb, os.Truncate(path, 1<<16))
	}
}

// The directory of a Python server after some months.
const largeProcesses, largeCounters = 6802, 98

// mostResident bounds the memory of a command on such a directory, in bytes, without the mapped files.
const mostResident = 128 << 20

// TestLargeDirectory inspects a large directory in bounded memory.
func TestLargeDirectory(t *testing.T) {
	proctest.Long(t)
	t.Parallel()
	dir := t.TempDir()
	makeLargeDirectory(t, dir, largeProcesses, largeCounters)
	run := func(args ...string) []byte {
		t.Helper()
		began := time.Now()
		cmd := commandIn(t, dir, append([]string{lookPath(t, "multiproc"), "metrics"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("no usage")
		}
		t.Logf("%s: %s, %d MiB resident at most, mapped files included", args, time.Since(began).Round(time.Millisecond), usage.Maxrss>>10)
		// One or two pages of each file have content and are mapped.
		if got, mapped := usage.Maxrss<<10, int64(largeProcesses)*(16<<10); got > mostResident+mapped {
			t.Errorf("%s: %d bytes resident, %d of them mapped at most", args, got, mapped)
		}
		return out
	}
	if n := strings.Count(string(run("ls", "--dir", dir)), "\n"); n != 1+largeProcesses {
		t.Errorf("ls: %d lines", n)
	}
	var shown struct {
		Columns []string
		Rows    []struct {
			Values map[string]float64
			Merged float64
		}
	}
	check(t, json.Unmarshal(run("show", "--dir", dir, "--sample", "app_requests_total", "--match", "/7\"", "--json"), &shown))
	if len(shown.Columns) != largeProcesses || len(shown.Rows) != 1 || len(shown.Rows[0].Values) != largeProcesses {
		t.Fatalf("show: %d columns, %d rows", len(shown.Columns), len(shown.Rows))
	}
	sum := 0.0
	for p, column := range shown.Columns {
		value := shown.Rows[0].Values[column]
		if value != float64(p+7) {
			t.Fatalf("%s has %v", column, value)
		}
		sum += value
	}
	if merged := shown.Rows[0].Merged; merged != sum {
		t.Errorf("merged is %v, want %v", merged, sum)
	}
	if n := strings.Count(string(run("show", "--dir", dir, "--sample", "app_requests_total")), "\n"); n != 1+largeCounters {
		t.Errorf("show: %d lines", n)
	}
	run("top", "--once", "--dir", dir)
}

// BenchmarkInspect times whole commands in a large directory.
func BenchmarkInspect(b *testing.B) {
	dir := b.TempDir()
	makeLargeDirectory(b, dir, largeProcesses, largeCounters)
	for _, args := range [][]string{
		{"ls"}, {"show", "--sample", "app_requests_total"}, {"show", "--match", `/7"`}, {"top", "--once"}, {"verify"},
	} {
		b.Run(strings.Join(args, " "), func(b *testing.B) {
			for b.Loop() {
				cmd := commandIn(b, dir, append([]string{lookPath(b, "multiproc"), "metrics", args[0], "--dir", dir}, args[1:]...)...)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			}
		})
	}
}
