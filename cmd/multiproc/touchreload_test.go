package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiproc/master"
)

func inDir(dir string) func(*serverOptions) {
	return func(o *serverOptions) { o.dir = dir }
}

// TestTouchReload changes a watched file in every way in which files change. Each change causes one reload, and the watch
// goes on.
func TestTouchReload(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		make func(t *testing.T, path string) // present at the start
		// change makes the nth change; the first is 1.
		change func(t *testing.T, path string, n int)
	}{
		{
			name: "touched",
			make: func(t *testing.T, path string) { t.Helper(); mustWrite(t, path, "") },
			change: func(t *testing.T, path string, _ int) {
				t.Helper()
				now := time.Now()
				check(t, os.Chtimes(path, now, now))
			},
		},
		{
			name:   "written",
			make:   func(t *testing.T, path string) { t.Helper(); mustWrite(t, path, "") },
			change: func(t *testing.T, path string, n int) { t.Helper(); mustWrite(t, path, fmt.Sprint(n)) },
		},
		{
			name: "replaced by rename",
			make: func(t *testing.T, path string) { t.Helper(); mustWrite(t, path, "") },
			change: func(t *testing.T, path string, n int) {
				t.Helper()
				mustWrite(t, path+".new", fmt.Sprint(n))
				mustRename(t, path+".new", path)
			},
		},
		{
			name:   "made",
			make:   func(*testing.T, string) {},
			change: func(t *testing.T, path string, n int) { t.Helper(); mustWrite(t, path, fmt.Sprint(n)) },
		},
		{
			// As Kubernetes mounts a ConfigMap: the file is a link into ..data, which is a link to a directory, and only that
			// link is ever replaced.
			name: "in another directory",
			make: func(t *testing.T, path string) {
				t.Helper()
				dir := filepath.Dir(path)
				writeRevision(t, dir, filepath.Base(path), 0)
				mustLink(t, filepath.Join("..data", filepath.Base(path)), path)
			},
			change: func(t *testing.T, path string, n int) {
				t.Helper()
				writeRevision(t, filepath.Dir(path), filepath.Base(path), n)
				check(t, os.RemoveAll(filepath.Join(filepath.Dir(path), fmt.Sprintf("..%d", n-1))))
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "touched")
			test.make(t, path)
			s := startServer(t, "socket = 127.0.0.1:0\ntouch-reload = "+path+"\n"+appINI(t))
			for n := range 3 {
				test.change(t, path, n+1)
				s.await("a reload", func(status master.Status) bool { return int(status.Generation) == n+2 && !status.Reloading })
			}
			s.awaitNoneDraining()
			if n := s.log.Count("file changed", "path="+path); n != 3 {
				t.Errorf("%d changes are told of, there were 3\n%s", n, s.log)
			}
			s.stop()
		})
	}
}

func mustWrite(tb testing.TB, path, text string) {
	tb.Helper()
	check(tb, os.WriteFile(path, []byte(text), 0o600))
}

func mustRename(tb testing.TB, from, to string) {
	tb.Helper()
	check(tb, os.Rename(from, to))
}

func mustLink(tb testing.TB, to, path string) {
	tb.Helper()
	check(tb, os.Symlink(to, path))
}

// writeRevision writes the file into a new directory and points ..data at it.
func writeRevision(tb testing.TB, dir, name string, revision int) {
	tb.Helper()
	of := fmt.Sprintf("..%d", revision)
	check(tb, os.Mkdir(filepath.Join(dir, of), 0o700))
	mustWrite(tb, filepath.Join(dir, of, name), fmt.Sprint(revision))
	data := filepath.Join(dir, "..data")
	mustLink(tb, of, data+"_tmp")
	mustRename(tb, data+"_tmp", data)
}

// watchedINI returns an ini that names itself in touch-reload and sets a version in the workers' environment.
func watchedINI(tb testing.TB, dir string, version int) string {
	tb.Helper()
	return fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = 2\ntouch-reload = %s\nenv = VERSION=%d\n%s",
		filepath.Join(dir, "multiproc.ini"), version, appINI(tb))
}

// awaitVersion waits until every worker has the configuration of this version.
func (s *testServer) awaitVersion(version int) {
	s.tb.Helper()
	s.await(fmt.Sprintf("version %d", version), func(status master.Status) bool {
		return !slices.ContainsFunc(status.Workers, func(w master.WorkerStatus) bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", w.PID))
			return err != nil || !slices.Contains(strings.Split(string(text), "\x00"), fmt.Sprintf("VERSION=%d", version))
		})
	})
}

// TestTouchReloadOfINI watches the ini itself, for people who edit it under a running server. An edit with a mistake is
// refused, and the next one is seen nevertheless.
func TestTouchReloadOfINI(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, watchedINI(t, dir, 1), inDir(dir))
	l := startLoad(t, allKinds("tcp", s.address, "/pid", "/echo"))
	s.awaitVersion(1)
	s.writeINI(watchedINI(t, dir, 2))
	s.awaitVersion(2)
	before := s.awaitNoneDraining()

	s.writeINI(watchedINI(t, dir, 3) + "max-request = 3\n")
	s.log.Wait(t, s.done, "level=ERROR", "reload rolled back", "max-request")
	if after := s.awaitNoneDraining(); !slices.Equal(pidsOf(after), pidsOf(before)) {
		t.Errorf("a bad edit has changed the workers: %+v, before %+v\n%s", after.Workers, before.Workers, s.log)
	}

	s.writeINI(watchedINI(t, dir, 4))
	s.awaitVersion(4)
	l.mustNotFail(s)
	s.stop()
}

// TestTouchReloadMeanwhile edits the ini again as soon as a reload has read it: the second edit must cause another reload,
// however fast the first one ends.
func TestTouchReloadMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, watchedINI(t, dir, 0), inDir(dir))
	for version := 1; version <= 9; version += 2 {
		begun := s.log.Count("new generation")
		s.writeINI(watchedINI(t, dir, version))
		s.await("a reload that has read the settings", func(master.Status) bool { return s.log.Count("new generation") > begun })
		s.writeINI(watchedINI(t, dir, version+1))
		s.awaitVersion(version + 1)
	}
	s.stop()
}
