package main

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestStoppedWorker stops a worker by SIGSTOP that has sent nothing but its readiness: it is killed and replaced.
func TestStoppedWorker(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nheartbeat-timeout = 2\n")
	pid := s.workers()[0]
	proctest.Kill(t, pid, syscall.SIGSTOP)
	s.awaitReplaced(pid)
	proctest.AwaitGone(t, pid)
	s.log.Wait(t, s.done, "no heartbeat from worker")
	s.log.Wait(t, s.done, "worker exited", "reason=silent", "signal 9")
	s.stop()
}

// TestStoppedMaster stops the master for longer than the heartbeat timeout. That it received nothing meanwhile is not the
// workers' fault: none of them may be replaced.
func TestStoppedMaster(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nheartbeat-timeout = 1\n"+appINI(t))
	before := s.workers()
	// As a clock, and to show that the workers do not need the master for it.
	ask := func(d time.Duration) {
		t.Helper()
		startSlow(s, 1, d).mustAnswer(1)
	}
	ask(time.Second) // in which they send heartbeats
	rounds := proctest.Rounds(3, 6)
	for range rounds {
		s.signal(syscall.SIGSTOP)
		ask(1500 * time.Millisecond)
		s.signal(syscall.SIGCONT)
		// Not a multiple of the master's interval, so that each round stops it at another point.
		ask(350 * time.Millisecond)
	}
	ask(1500 * time.Millisecond) // more than the heartbeat timeout
	s.log.Wait(t, s.done, "master was paused")
	after := s.await("all workers ready", func(status master.Status) bool { return status.Ready() == status.Target })
	if !slices.Equal(pidsOf(after), before) {
		t.Errorf("workers %d, before %d\n%s", pidsOf(after), before, s.log)
	}
	s.stop()
}
