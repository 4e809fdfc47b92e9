package main

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

// TestKilledWorkers kills workers one after another under load. Only clients whose connection a killed worker had may notice,
// and no counter may ever go back, whichever worker answers.
func TestKilledWorkers(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 3\n"+appINI(t))
	load := startLoad(s)
	for i := range 6 {
		keeps := i%2 == 0
		client := dialingClient("tcp", s.address, keeps)
		load.ask(20*time.Millisecond, keeps, func() error {
			_, err := s.getBy(client, "/pid")
			return err
		})
	}
	counts, scraper := map[string]float64{}, dialingClient("tcp", s.address, false)
	load.ask(20*time.Millisecond, false, func() error { return s.scrapeGrowing(scraper, counts) })

	for range proctest.Rounds(4, 10) {
		victim := s.awaitSeasoned(1)[0]
		killed := time.Now()
		load.kill(victim)
		s.awaitReplaced(victim)
		t.Logf("replaced after %s", time.Since(killed).Round(time.Millisecond))
		// Between two kills there is time in which nothing may fail.
		load.await(200)
	}
	load.mustHaveLostNone()
	if len(counts) == 0 {
		t.Error("the metrics count nothing")
	}

	s.mustHaveFilesOf("w[1-3]")
	s.stop()
}

// mustHaveFilesOf checks that the metric files are those of the slots and of the master, however many workers there were.
func (s *testServer) mustHaveFilesOf(slots string) {
	s.tb.Helper()
	name := regexp.MustCompile(`^(counter|summary|histogram|gauge_[a-z]+)_(` + slots + `|master)\.db$`)
	files, err := filepath.Glob(filepath.Join(s.metricsDir(), "*.db"))
	check(s.tb, err)
	for _, file := range files {
		if !name.MatchString(filepath.Base(file)) {
			s.tb.Errorf("a file of no slot: %s", file)
		}
	}
}

// TestKilledMaster kills the master and with it the reader of the log. The workers answer their requests and exit, and
// nothing is left that blocks the next server.
func TestKilledMaster(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{"own worker": "", "command": appINI(t)} {
		t.Run(name, func(t *testing.T) { testKilledMaster(t, command) })
	}
}

func testKilledMaster(t *testing.T, command string) {
	t.Helper()
	dir := t.TempDir()
	ini := "socket = " + freeAddress(t) + "\nsocket = " + filepath.Join(dir, "http.sock") + "\npidfile = multiproc.pid\nprocesses = 2\ndrain-idle = 1\n" + command
	s := startServer(t, ini)
	workers := s.workers()

	// A request is in progress when the worker finds out that the master is dead.
	conn := s.hold("GET /readyz HTTP/1.1\r\n")
	slow := startLoad(s)
	if command != "" {
		slow = startSlow(s, 4, 2*time.Second)
	}

	check(t, s.stderr.Close())
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	proctest.AwaitGone(t, s.cmd.Process.Pid)
	if _, err := io.WriteString(conn, "Host: server\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	check(t, conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 ") {
		t.Errorf("the request that had begun: %q %v", answer, err)
	}
	slow.stop()
	for _, f := range slow.failures {
		t.Errorf("a request that was being handled: %v", f.err)
	}
	proctest.AwaitGone(t, workers...)

	// With the same addresses, pidfile, control socket and metrics directory.
	gone := time.Now()
	next := startServer(t, ini, in(s.dir))
	t.Logf("the next server is ready after %s", time.Since(gone).Round(time.Millisecond))
	proctest.Eventually(t, "the readiness of its workers, which is later than that in the master's status", func() bool {
		r, err := next.visit("/readyz", "", nil)
		return err == nil && r.code == http.StatusOK
	})
	next.mustHavePidfile(filepath.Join(next.dir, "multiproc.pid"))
	next.stop()
}
