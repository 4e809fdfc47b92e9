package main

import (
	"fmt"
	"net"
	"net/http"
	"testing"

	"multiproc/internal/proctest"
)

// TestManyIdleConnections opens ten thousand idle connections. The workers stay within their limits, other clients are served
// all the time, and a reload succeeds.
func TestManyIdleConnections(t *testing.T) {
	t.Parallel()
	proctest.Long(t)                          // it opens ten thousand connections
	const each, all, others = 200, 10_000, 10 // descriptors for everything besides connections
	dir := t.TempDir()
	s := startServer(t, fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = 2\nmax-connections = %d\ndrain-idle = 1\n", each), in(dir))
	before := 0
	for _, pid := range s.workers() {
		before = max(before, entries(t, pid, "fd"))
	}
	idle := make([]net.Conn, 0, all)
	defer func() {
		for _, conn := range idle {
			_ = conn.Close()
		}
	}()
	for i := range all {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		idle = append(idle, conn)
		if i%1000 != 999 {
			continue
		}
		s.wantVisit(http.StatusOK, "/readyz", "")
		for _, pid := range s.workers() {
			if now := entries(t, pid, "fd"); now > before+each+others {
				t.Errorf("worker %d has %d descriptors, %d at the beginning", pid, now, before)
			}
		}
	}
	old := s.workers()
	s.mustReload()
	s.wantVisit(http.StatusOK, "/readyz", "")
	s.awaitReplaced(old...)
}
