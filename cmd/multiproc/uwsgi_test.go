package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestUWSGIConfiguration runs a uWSGI configuration as it is, except for its folder, port and directory.
func TestUWSGIConfiguration(t *testing.T) {
	home, metrics := t.TempDir(), filepath.Join(t.TempDir(), "PROMETHEUS_METRICS")
	s := startServer(t, `[uwsgi]
chdir= `+home+`/
module=config.wsgi:application
socket = 0.0.0.0:0
master = true
processes = 4
pidfile=master.pid
buffer-size=65535
env=PROMETHEUS_MULTIPROC_DIR=`+metrics+`/
`)
	if s.log.Count("module", "ignored") != 1 {
		t.Errorf("no note about module:\n%s", s.log)
	}
	if s.log.Count("level=WARN")+s.log.Count("level=ERROR") > 0 {
		t.Errorf("something is not right:\n%s", s.log)
	}
	workers := s.workers()
	if len(workers) != 4 {
		t.Errorf("%d workers", len(workers))
	}
	// Relative to the working directory, as in uWSGI.
	s.mustHavePidfile(filepath.Join(s.dir, "master.pid"))
	for _, pid := range append(workers, s.cmd.Process.Pid) {
		if dir, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/cwd"); err != nil || dir != home {
			t.Errorf("process %d is in %s, %v", pid, dir, err)
		}
	}
	for _, id := range []string{"w1", "w4", "master"} {
		if found, err := filepath.Glob(filepath.Join(metrics, "*_"+id+".db")); err != nil || len(found) == 0 {
			t.Errorf("no metric files of %s, %v", id, err)
		}
	}
	_, port, _ := strings.Cut(s.address, "]:")
	if port == "" {
		_, port, _ = strings.Cut(s.address, "0.0.0.0:")
	}
	s.address = "127.0.0.1:" + port
	if code, body := s.get("/metrics"); code != http.StatusOK || !strings.Contains(body, `multiproc_workers{state="ready"} 4.0`) {
		t.Errorf("%d %s", code, body)
	}
	s.reload()
	s.awaitReplaced(workers...)
	s.stop()
}
