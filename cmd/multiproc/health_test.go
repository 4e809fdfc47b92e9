package main

import (
	"net/http"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// TestReadyzReason has fewer ready workers than min-ready: the master and the remaining workers report it with the reason
// until there are enough.
func TestReadyzReason(t *testing.T) {
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
				at.wantVisit(http.StatusOK, path, "")
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
