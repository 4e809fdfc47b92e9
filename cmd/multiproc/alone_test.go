package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// startAlone starts a server without a master, and waits until it serves.
func startAlone(tb testing.TB, ini string, options ...func(*serverOptions)) *server {
	tb.Helper()
	s := startServer(tb, "master = false\nsocket = 127.0.0.1:0\n"+ini, append(options, failing)...)
	line := s.log.wait(tb, s.done, "msg=serving", "address=")
	_, s.address, _ = strings.Cut(line, "address=")
	s.address, _, _ = strings.Cut(s.address, " ")
	return s
}

// TestWithoutMaster serves from one process, with the routes of any other server.
func TestWithoutMaster(t *testing.T) {
	dir := t.TempDir()
	metrics := filepath.Join(dir, "metrics")
	if err := os.Mkdir(metrics, 0o700); err != nil {
		t.Fatal(err)
	}
	// What an earlier server has left is not this one's.
	old := filepath.Join(metrics, "counter_w7.db")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(signal.String(), func(t *testing.T) {
			manager := newServiceManager(t)
			s := startAlone(t, "pidfile = multiproc.pid\n", withEnv("NOTIFY_SOCKET="+manager.path),
				func(o *serverOptions) { o.dir = dir })
			manager.wait("READY=1")
			if fileExists(old) {
				t.Error("the directory was not wiped")
			}
			if found := children(s.cmd.Process.Pid); len(found) > 0 {
				t.Errorf("it has children: %d", found)
			}
			text, err := os.ReadFile(filepath.Join(dir, "multiproc.pid"))
			if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(s.cmd.Process.Pid) {
				t.Errorf("pidfile: %q, %v", text, err)
			}
			for _, path := range []string{"/", "/livez", "/healthz", "/readyz", "/metrics"} {
				if code, body := s.get(path); code != http.StatusOK {
					t.Errorf("%s: %d %s", path, code, body)
				}
			}
			if n := s.valueOf(`http_requests_total{code="200",method="GET",route="/readyz"}`); n != 1 {
				t.Errorf("%g requests counted, want 1", n)
			}
			s.signal(signal)
			s.log.wait(t, s.done, "msg=drained")
			if code := s.exitCode(); code != 0 {
				t.Errorf("exit code %d\n%s", code, s.log)
			}
			if fileExists(filepath.Join(dir, "multiproc.pid")) {
				t.Error("the pidfile is left")
			}
		})
	}
}

// TestWithoutMasterReopensLog has nobody but the process itself to tell it that the log was renamed.
func TestWithoutMasterReopensLog(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "multiproc.log")
	address := freeAddress(t)
	s := startServer(t, "master = false\nsocket = "+address+"\nlogto = "+path+"\n", failing)
	s.address = address
	eventually(t, "the log", func() bool { return logHas(path, "msg=serving") })
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGUSR1)
	eventually(t, "the new log", func() bool {
		s.get("/")
		return logHas(path, "path=/")
	})
	s.stop()
}
