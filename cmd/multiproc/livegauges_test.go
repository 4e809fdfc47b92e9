package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// liveWorker writes one live gauge as prometheus_client does, in a child that it restarts if the argument is "child". The file is
// named by the second argument, in which PID and ID stand for the pid and MULTIPROC_ID.
const liveWorker = `
import json, mmap, os, signal, socket, struct, sys, time

def write_gauge():
    key = json.dumps(["alive", "alive", {}, "Processes."], sort_keys=True).encode()
    entry = struct.pack("i", len(key)) + key + b" " * (8 - (len(key) + 4) % 8) + struct.pack("dd", 1, 0)
    name = sys.argv[2].replace("PID", str(os.getpid())).replace("ID", os.environ["MULTIPROC_ID"])
    file = open("%s/gauge_livesum_%s.db" % (os.environ["PROMETHEUS_MULTIPROC_DIR"], name), "a+b")
    file.truncate(1 << 16)
    memory = mmap.mmap(file.fileno(), 1 << 16)
    memory[8:8 + len(entry)] = entry
    memory[0:4] = struct.pack("i", 8 + len(entry))
    return file, memory

def notify():
    path = os.environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(b"READY=1", path)

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if sys.argv[1] == "child":
    while True:
        if os.fork() == 0:
            files = write_gauge()
            notify()
            while True:
                time.sleep(0.1)
        os.wait()
files = write_gauge()
notify()
while True:
    time.sleep(0.1)
`

// TestLiveGaugesOfPython ends workers of another library in every way. Only living ones count in a live gauge, whatever the names
// of their files.
func TestLiveGaugesOfPython(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "worker.py")
	check(t, os.WriteFile(program, []byte(liveWorker), 0o600))
	python := pythonPath(t)
	for _, name := range []string{"own PID", "own ID", "child PID", "child ID-0"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = 3\ncommand = %s %s %s\n", python, program, name))
			s.mustLive(3)
			victim := s.workers()[0]
			proctest.Kill(t, victim, syscall.SIGKILL)
			s.awaitReplaced(victim)
			s.mustLive(3)
			if strings.HasPrefix(name, "child") {
				child := proctest.Children(s.workers()[0])[0]
				proctest.Kill(t, child, syscall.SIGKILL)
				proctest.AwaitGone(t, child)
				s.mustLive(3)
			}
			before := s.workers()
			s.reload()
			s.awaitReplaced(before...)
			s.mustLive(3)
			s.signal(syscall.SIGTTOU)
			s.await("two workers", func(status master.Status) bool { return len(status.Workers) == 2 })
			s.mustLive(2)
			s.stop()
		})
	}
}

// TestLiveGaugesAfterGo reloads from multiproc's own workers to another library's with the same ids.
func TestLiveGaugesAfterGo(t *testing.T) {
	t.Parallel()
	program := filepath.Join(t.TempDir(), "worker.py")
	check(t, os.WriteFile(program, []byte(liveWorker), 0o600))
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	s.writeINI(fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = 2\ncommand = %s %s own ID\n", pythonPath(t), program))
	for range 2 { // w1-1 and w2-1, then w1 and w2 again
		before := s.workers()
		s.reload()
		s.awaitReplaced(before...)
	}
	s.mustLive(2)
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	s.mustLive(2)
	s.stop()
}

// mustLive waits until n processes count in the live gauge and no other has a file of one, besides the master.
func (s *testServer) mustLive(n int) {
	s.tb.Helper()
	collector := mpmetrics.NewCollector(s.metricsDir(), mpmetrics.CollectorOptions{})
	defer collector.Close()
	var files []string
	defer func() {
		if s.tb.Failed() {
			s.tb.Logf("files %q", files)
		}
	}()
	waitFor(s.tb, proctest.Patience, fmt.Sprintf("a live gauge of %d processes", n), func() bool {
		var err error
		files, err = filepath.Glob(filepath.Join(s.metricsDir(), "gauge_livesum_*.db"))
		check(s.tb, err)
		families, err := collector.Gather()
		check(s.tb, err)
		for _, f := range families {
			if f.GetName() == "alive" {
				return f.Metric[0].GetGauge().GetValue() == float64(n) && len(files) == n+1
			}
		}
		return false
	})
}
