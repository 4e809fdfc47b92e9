package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestMaxRequests replaces workers all the time under load. No client may notice.
func TestMaxRequests(t *testing.T) {
	t.Parallel()
	testRecycling(t, "max-requests = 50\n", "reason=requests")
}

// TestMaxLifetime does the same by the age of workers.
func TestMaxLifetime(t *testing.T) {
	t.Parallel()
	testRecycling(t, "max-worker-lifetime = 1\n", "reason=lifetime")
}

func testRecycling(t *testing.T, ini, reason string) {
	t.Helper()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\ndisable-logging = true\n"+ini)
	l := startLoad(s, client{"tcp", s.address, "/", true}, client{"tcp", s.address, "/", false}, client{"tcp", s.address, "/metrics", false})
	proctest.Eventually(t, "workers replaced", func() bool {
		// The successor starts first.
		if status, err := s.status(); err != nil || status.Ready() < status.Target {
			t.Fatalf("%d of %d workers ready, %v\n%s", status.Ready(), status.Target, err, s.log)
		}
		return s.log.Count(`msg="worker exited"`, reason) >= proctest.Rounds(4, 12)
	})
	l.mustHaveLostNone()
	if ended := s.log.Lines("worker exited"); slices.ContainsFunc(ended, func(line string) bool {
		return !hasAll(line, []string{reason, "exited with code 0"})
	}) {
		t.Errorf("workers ended for other reasons:\n%s", strings.Join(ended, "\n"))
	}
	s.stop()
}

// TestReloadOnRSS has a worker take more memory than it may: it is replaced, and the other one is not.
func TestReloadOnRSS(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nreload-on-rss = 300\n"+appINI(t))
	before := s.workers()
	code, body := s.get("/take?bytes=500000000")
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, body)
	}
	s.log.Wait(t, s.done, `msg="worker exited"`, "reason=memory", "exited with code 0")
	after := s.await("all workers ready", func(status master.Status) bool { return status.Ready() == 2 && len(status.Workers) == 2 })
	left := 0
	for _, pid := range pidsOf(after) {
		if slices.Contains(before, pid) {
			left++
		}
	}
	if left != 1 {
		t.Errorf("workers %d, before %d: want one to be replaced\n%s", pidsOf(after), before, s.log)
	}
	s.stop()
}
