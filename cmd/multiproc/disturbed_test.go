package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// TestDisturbedMetrics empties, removes and replaces what is in the metrics directory of a running server. All requests are
// answered, no process ends, and the metrics are back on the page without a reload.
func TestDisturbedMetrics(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	dir := s.metricsDir()
	own := filepath.Join(dir, ".mpm")
	files := func(do func(path string) error) func() error {
		return func() error {
			paths, err := filepath.Glob(filepath.Join(dir, "*.db"))
			for _, path := range paths {
				err = errors.Join(err, do(path))
			}
			return err
		}
	}
	for _, test := range []struct {
		name    string
		disturb func() error
		kill    bool // a worker, which must be replaced
	}{
		{"files emptied", files(func(path string) error { return os.WriteFile(path, nil, 0o600) }), false},
		{"files replaced by directories", files(func(path string) error {
			return errors.Join(os.Remove(path), os.Mkdir(path, 0o700))
		}), true},
		{".mpm replaced by a dead link", func() error {
			return errors.Join(os.Rename(own, dir+"/.gone"), os.Symlink("/nowhere", own))
		}, true},
		{"directory renamed and recreated", func() error {
			return errors.Join(os.Rename(dir, dir+".gone"), os.Mkdir(dir, 0o700))
		}, false},
	} {
		workers := s.workers()
		check(t, test.disturb())
		if test.kill {
			proctest.Kill(t, workers[0], syscall.SIGKILL)
			s.awaitReplaced(workers[0])
			workers = s.workers()
		}
		for range 4 {
			if code, body := s.get("/livez"); code != 200 {
				t.Fatalf("%s: code %d: %s", test.name, code, body)
			}
		}
		for _, id := range []string{"master", "w1", "w2"} {
			proctest.Eventually(t, test.name+": "+id+" has a file again", func() bool {
				info, err := os.Lstat(filepath.Join(dir, "counter_"+id+".db"))
				return err == nil && info.Mode().IsRegular() && info.Size() > 0
			})
		}
		before := s.valueOf(`http_requests_total{code="200",method="GET",route="/livez"}`)
		s.get("/livez")
		if after := s.valueOf(`http_requests_total{code="200",method="GET",route="/livez"}`); after != before+1 {
			t.Errorf("%s: %v requests on the page, then %v", test.name, before, after)
		}
		if unshared := s.valueOf("multiproc_metric_series_unshared"); unshared != 0 {
			t.Errorf("%s: %v series unshared", test.name, unshared)
		}
		s.mustHave(workers, test.name)
	}
	proctest.Eventually(t, "the master has locked the directory", func() bool {
		fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		check(t, err)
		defer unix.Close(fd)
		return errors.Is(unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK)
	})
	s.stop()
}
