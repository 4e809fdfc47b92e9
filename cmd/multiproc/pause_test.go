package main

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestStoppedWorker stops a worker by SIGSTOP: it gives no sign of life any more, and so is replaced, and killed.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nheartbeat-timeout = 1\n")
	status := s.await("workers that have said that they live", func(status master.Status) bool {
		return !slices.ContainsFunc(status.Workers, func(w master.WorkerStatus) bool { return time.Since(w.Started) < 2*time.Second })
	})
	s.mustReplaceStopped(status.Workers[0].PID)
}

// TestWorkerStoppedAtOnce stops a worker that has not said more yet than that it is ready.
func TestWorkerStoppedAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nheartbeat-timeout = 2\n")
	s.mustReplaceStopped(s.workers()[0])
}

// mustReplaceStopped stops a worker.
func (s *server) mustReplaceStopped(pid int) {
	s.tb.Helper()
	began := time.Now()
	proctest.Kill(s.tb, pid, syscall.SIGSTOP)
	s.awaitReplaced(pid)
	s.tb.Logf("replaced after %s", time.Since(began).Round(time.Millisecond))
	proctest.AwaitGone(s.tb, pid)
	s.log.Wait(s.tb, s.done, "worker gives no sign of life")
	s.log.Wait(s.tb, s.done, "worker ended", "reason=silent", "signal 9")
	s.stop()
}

// TestStoppedMaster stops the master for longer than a worker may be silent. That it has heard nothing meanwhile is not the
// workers' fault: none of them may be replaced.
func TestStoppedMaster(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nheartbeat-timeout = 1\n"+appINI(t))
	before := s.workers()
	// As a clock, and to see that the workers do not need the master for this.
	ask := func(d time.Duration) {
		t.Helper()
		requests := newSlow(s)
		requests.start(1, d)
		requests.mustAnswer(1)
	}
	ask(time.Second) // in which they say that they live
	rounds := proctest.Rounds(3, 6)
	for range rounds {
		s.signal(syscall.SIGSTOP)
		ask(1500 * time.Millisecond)
		s.signal(syscall.SIGCONT)
		// Not a multiple of how often the master looks at things: each round is to stop it at another point of that.
		ask(350 * time.Millisecond)
	}
	ask(1500 * time.Millisecond) // more than they may be silent
	s.log.Wait(t, s.done, "the master was stopped for a while")
	after := s.await("all workers ready", func(status master.Status) bool { return status.Ready() == status.Target })
	if !slices.Equal(pidsOf(after), before) {
		t.Errorf("workers %d, before %d\n%s", pidsOf(after), before, s.log)
	}
	s.stop()
}
