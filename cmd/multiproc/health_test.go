package main

import (
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestReadyzSaysWhy has fewer ready workers than min-ready: the master and the remaining workers report it with the reason
// until there are enough.
func TestReadyzSaysWhy(t *testing.T) {
	t.Parallel()
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nmin-ready = 2\nheartbeat-timeout = 1\nhealth = "+health+"\n")
	ask := func() (worker, master string) { return s.unready(t, s.address), s.unready(t, health) }
	if worker, master := ask(); worker != "" || master != "" {
		t.Fatalf("unready: %q, %q", worker, master)
	}
	// A successor that is killed at once is replaced after a delay.
	const few = "fewer than min-ready workers are ready"
	proctest.Eventually(t, "unreadiness", func() bool {
		if pids := s.workers(); len(pids) == 2 {
			_ = syscall.Kill(pids[1], syscall.SIGKILL) // it may have died by now
		}
		if worker, master := ask(); worker != few || master != few {
			return false
		}
		// It is live all the same.
		for _, address := range []string{s.address, health} {
			at := *s
			at.address = address
			for _, path := range []string{"/livez", "/healthz"} {
				if code, body := at.get(path); code != http.StatusOK {
					t.Errorf("%s: %d %s", path, code, body)
				}
			}
		}
		return true
	})
	proctest.Eventually(t, "readiness", func() bool {
		worker, master := ask()
		return worker == "" && master == ""
	})
	s.stop()
}

// TestReadyzBeforeTheFirst asks the master before any worker is ready.
func TestReadyzBeforeTheFirst(t *testing.T) {
	health := freeAddress(t)
	gate := filepath.Join(t.TempDir(), "gate")
	check(t, syscall.Mkfifo(gate, 0o600))
	command := script(t, "read line <"+gate, "exec "+lookPath(t, "testapp"))
	s := startServer(t, "socket = 127.0.0.1:0\nhealth = "+health+"\ncommand = "+command+"\n", failing)
	s.await("a worker", func(status master.Status) bool { return len(status.Workers) == 1 })
	if reason := s.unready(t, health); reason == "" {
		t.Error("ready without a ready worker")
	}
	check(t, os.WriteFile(gate, []byte("go\n"), 0))
	s.await("a ready worker", func(status master.Status) bool { return status.Ready() == 1 })
	if reason := s.unready(t, health); reason != "" {
		t.Errorf("unready with a ready worker: %s", reason)
	}
	s.stop()
}

// TestBusyIsNotUnready keeps every worker busy, and a single worker very busy: they stay ready.
func TestBusyIsNotUnready(t *testing.T) {
	t.Parallel()
	health := freeAddress(t)
	s := startServer(t, "socket = 127.0.0.1:0\nhealth = "+health+"\n"+appINI(t))
	requests := newSlow(s)
	requests.start(100, 2*time.Second)
	for _, address := range []string{s.address, health} {
		if reason := s.unready(t, address); reason != "" {
			t.Errorf("a busy server is unready: %s", reason)
		}
	}
	requests.mustAnswer(100)
	s.stop()
}
