package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// wire is a connection to a certain worker.
type wire struct {
	conn   net.Conn
	reader *bufio.Reader
}

// wires opens connections to a worker. The others are stopped meanwhile, so that they cannot accept them.
func (s *testServer) wires(pid, n int) []*wire {
	s.tb.Helper()
	for _, other := range s.workers() {
		if other == pid {
			continue
		}
		stopProcess(s.tb, other)
		defer func() { _ = syscall.Kill(other, syscall.SIGCONT) }()
	}
	wires := make([]*wire, n)
	for i := range wires {
		conn, err := new(net.Dialer).DialContext(s.tb.Context(), "tcp", s.address)
		check(s.tb, err)
		s.tb.Cleanup(func() { _ = conn.Close() })
		check(s.tb, conn.SetDeadline(time.Now().Add(proctest.Patience)))
		wires[i] = &wire{conn, bufio.NewReader(conn)}
		// Only the worker that has the connection can answer.
		request, err := http.NewRequestWithContext(s.tb.Context(), http.MethodGet, s.url("/livez"), http.NoBody)
		check(s.tb, err)
		if r, err := wires[i].ask(request); err != nil || r.code != http.StatusOK {
			s.tb.Fatalf("/livez of worker %d: %s, %v\n%s", pid, r, err, s.log)
		}
	}
	return wires
}

// toEach opens a connection to each of the workers.
func (s *testServer) toEach(workers []int) []*wire {
	s.tb.Helper()
	var wires []*wire
	for _, pid := range workers {
		wires = append(wires, s.wires(pid, 1)...)
	}
	return wires
}

func (w *wire) ask(request *http.Request) (reply, error) {
	if err := request.Write(w.conn); err != nil {
		return reply{}, err
	}
	response, err := http.ReadResponse(w.reader, request)
	if err != nil {
		return reply{}, err
	}
	return replyOf(response)
}

// hangUp closes connections, for which a draining worker would wait.
func hangUp(wires []*wire) {
	for _, w := range wires {
		_ = w.conn.Close()
	}
}

// stopProcess stops a process and returns when none of its threads runs any more.
func stopProcess(tb testing.TB, pid int) {
	tb.Helper()
	proctest.Kill(tb, pid, syscall.SIGSTOP)
	proctest.Eventually(tb, fmt.Sprintf("process %d is stopped", pid), func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		return err == nil && !slices.ContainsFunc(threads, func(thread string) bool {
			text, err := os.ReadFile(thread + "/stat")
			return err == nil && !bytes.Contains(text, []byte(") T "))
		})
	})
}

// awaitSeasoned waits for workers that have served long enough that their death is not an early one.
func (s *testServer) awaitSeasoned(n int) (pids []int) {
	s.tb.Helper()
	s.await("workers that have served for a second", func(status master.Status) bool {
		pids = nil
		for _, w := range status.Workers {
			if w.State == "ready" && time.Since(w.Started) > 3*time.Second/2 && len(pids) < n {
				pids = append(pids, w.PID)
			}
		}
		return len(pids) == n && status.Ready() == status.Target
	})
	return pids
}

// mustHave fails the test unless the workers are these.
func (s *testServer) mustHave(workers []int, when string) {
	s.tb.Helper()
	if now := s.workers(); !slices.Equal(now, workers) {
		s.tb.Errorf("the workers are %d %s, were %d\n%s", now, when, workers, s.log)
	}
}
