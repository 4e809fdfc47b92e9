package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// startAlone starts a server without a master and waits until it serves.
func startAlone(tb testing.TB, ini string, options ...func(*serverOptions)) *testServer {
	tb.Helper()
	s := startServer(tb, "master = false\nsocket = 127.0.0.1:0\n"+ini, append(options, failing)...)
	s.awaitAddress("msg=serving", "address=")
	return s
}

// TestWithoutMaster serves from one process, with the routes of any other server.
func TestWithoutMaster(t *testing.T) {
	dir := t.TempDir()
	metrics := filepath.Join(dir, "metrics")
	check(t, os.Mkdir(metrics, 0o700))
	// Files of an earlier server are not this one's.
	old := filepath.Join(metrics, "counter_w7.db")
	check(t, os.WriteFile(old, nil, 0o600))
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			manager := newServiceManager(t)
			s := startAlone(t, "pidfile = multiproc.pid\n", withEnv("NOTIFY_SOCKET="+manager.path), in(dir))
			manager.wait("READY=1")
			if fileExists(old) {
				t.Error("the directory was not wiped")
			}
			if found := proctest.Children(s.cmd.Process.Pid); len(found) > 0 {
				t.Errorf("it has children: %d", found)
			}
			s.mustHavePidfile(filepath.Join(dir, "multiproc.pid"))
			for _, path := range []string{"/", "/livez", "/healthz", "/readyz", "/metrics"} {
				s.wantVisit(http.StatusOK, path, "")
			}
			if n := s.valueOf(`http_requests_total{code="200",method="GET",route="/readyz"}`); n != 1 {
				t.Errorf("%g requests counted, want 1", n)
			}
			s.signal(signal)
			s.log.Wait(t, s.done, "msg=drained")
			for s.cmd.Process.Signal(signal) == nil { // whenever they come, signals do not change the exit code
			}
			s.mustExit(0)
			if fileExists(filepath.Join(dir, "multiproc.pid")) {
				t.Error("the pidfile is left")
			}
		})
	}
}

// stallAlone starts a server without a master with a request in progress: its client reads nothing of a page that exceeds the
// kernel's buffers.
func stallAlone(t *testing.T, ini string) (*testServer, *bufio.Reader) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "http.sock")
	s := startServer(t, "master = false\nsocket = "+path+"\n"+ini, failing)
	s.log.Wait(t, s.done, "msg=serving", "address=")
	metrics, err := mpmetrics.NewWriter(s.metricsDir(), "long", mpmetrics.WriterOptions{})
	check(t, err)
	long, err := metrics.NewCounterVec(prometheus.CounterOpts{Name: "long_total", Help: "Makes the page long."}, []string{"text"})
	check(t, err)
	for i := range 5000 {
		long.WithLabelValues(strings.Repeat("x", 400) + strconv.Itoa(i)).Inc()
	}
	check(t, metrics.Close())
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", path)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReaderSize(conn, 16)
	if _, err := answer.Peek(1); err != nil { // the answer has begun
		t.Fatal(err)
	}
	return s, answer
}

// TestStopWithoutMaster has a request that never ends, and stops the server in each way.
func TestStopWithoutMaster(t *testing.T) {
	const long = "stop-mercy = 1h\nworker-reload-mercy = 1h\n"
	for _, way := range []struct {
		name    string
		ini     string
		signals []syscall.Signal
	}{
		{"INT", long, []syscall.Signal{syscall.SIGINT}},
		{"TERM twice", long, []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}},
		{"QUIT twice", long, []syscall.Signal{syscall.SIGQUIT, syscall.SIGQUIT}},
		{"QUIT, then INT, then TERM", long, []syscall.Signal{syscall.SIGQUIT, syscall.SIGINT, syscall.SIGTERM}},
		{"stop-mercy", "stop-mercy = 1\nworker-reload-mercy = 1h\n", []syscall.Signal{syscall.SIGTERM}},
		{"no stop-mercy", "stop-mercy = 0\nworker-reload-mercy = 1h\n", []syscall.Signal{syscall.SIGQUIT}},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			s, _ := stallAlone(t, way.ini)
			for i, signal := range way.signals {
				if i == 1 {
					s.log.Wait(t, s.done, "msg=draining")
				}
				_ = s.cmd.Process.Signal(signal) // the process may be gone at the third
			}
			s.mustExit(0)
			if s.log.Count("level=WARN", "stopped before all requests were answered", "cut=1") != 1 {
				t.Errorf("the log does not say that a request was cut:\n%s", s.log)
			}
		})
	}
}

// TestQuitWithoutMaster stops by QUIT as by TERM: requests in progress are finished.
func TestQuitWithoutMaster(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s, answer := stallAlone(t, "")
			s.signal(signal)
			s.log.Wait(t, s.done, "msg=draining")
			response, err := http.ReadResponse(answer, nil)
			check(t, err)
			defer response.Body.Close()
			if page, err := io.ReadAll(response.Body); err != nil || strings.Count(string(page), "\nlong_total{") != 5000 {
				t.Errorf("the answer is not whole: %d bytes, %v", len(page), err)
			}
			s.mustExit(0)
			if s.log.Count("msg=drained", "cut=0") != 1 {
				t.Errorf("not drained:\n%s", s.log)
			}
		})
	}
}

// TestSignalsWithoutMaster sends the signals that only a master handles, which are logged and have no effect, and then renames
// the log: on USR1 the process itself reopens it.
func TestSignalsWithoutMaster(t *testing.T) {
	path, address := filepath.Join(t.TempDir(), "multiproc.log"), freeAddress(t)
	s := startServer(t, "master = false\nsocket = "+address+"\nlogto = "+path+"\n", failing)
	s.address = address
	proctest.Eventually(t, "the log", func() bool { return logHas(path, "msg=serving") })
	for _, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU} {
		s.signal(signal)
		proctest.Eventually(t, "a line in the log", func() bool { return logHas(path, "signal ignored without a master", signal.String()) })
		s.wantVisit(http.StatusOK, "/livez", "")
	}
	check(t, os.Rename(path, path+".1"))
	s.signal(syscall.SIGUSR1)
	proctest.Eventually(t, "the new log", func() bool {
		s.get("/")
		return logHas(path, "path=/")
	})
	s.stop()
}
