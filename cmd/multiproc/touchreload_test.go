package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// watchedINI returns an ini that names itself in touch-reload and sets a version in the workers' environment.
func watchedINI(tb testing.TB, dir string, version int) string {
	tb.Helper()
	return fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\ntouch-reload = %s\nenv = VERSION=%d\n%s",
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
	s := startServer(t, watchedINI(t, dir, 1), in(dir))
	l := startLoad(s, allKinds("tcp", s.address)...)
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
	if n := s.log.Count("file changed", "path="+filepath.Join(dir, "multiproc.ini")); n != 3 {
		t.Errorf("%d changes in the log, there were 3\n%s", n, s.log)
	}
	l.mustHaveLostNone()
	s.stop()
}

// TestTouchReloadMeanwhile edits the ini again as soon as a reload has read it: the second edit must cause another reload,
// however fast the first one ends.
func TestTouchReloadMeanwhile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, watchedINI(t, dir, 0), in(dir))
	for version := 1; version <= 9; version += 2 {
		begun := s.log.Count("new generation")
		s.writeINI(watchedINI(t, dir, version))
		s.await("a reload that has read the settings", func(master.Status) bool { return s.log.Count("new generation") > begun })
		s.writeINI(watchedINI(t, dir, version+1))
		s.awaitVersion(version + 1)
	}
	s.stop()
}

// TestReloadOfDirectory changes what is in directories that are watched, removes a file, and renames a directory above them.
func TestReloadOfDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	code, conf := filepath.Join(dir, "app", "code"), filepath.Join(dir, "app", "conf")
	check(t, os.MkdirAll(code, 0o755))
	check(t, os.MkdirAll(conf, 0o755))
	program := filepath.Join(code, "program")
	check(t, os.WriteFile(program, []byte("1"), 0o600))
	s := startServer(t, fmt.Sprintf("socket = 127.0.0.1:0\nfs-reload = %s\ntouch-reload = %s\n", code, conf), in(dir))
	s.awaitNoneDraining()
	for i, change := range []func() error{
		func() error { return os.WriteFile(program, []byte("22"), 0o600) },
		func() error { return os.WriteFile(filepath.Join(conf, "new"), nil, 0o600) },
		func() error { return os.Remove(program) },
		func() error { return os.Rename(filepath.Join(dir, "app"), filepath.Join(dir, "old")) },
	} {
		check(t, change())
		s.log.Wait(t, s.done, "reload committed", fmt.Sprintf("generation=%d", i+2))
		s.awaitNoneDraining()
	}
	s.stop()
}

// TestTouchReloadHidden removes and restores a directory whose entries the server's user cannot list, so that it gets no events.
func TestTouchReloadHidden(t *testing.T) {
	t.Parallel()
	proctest.Root(t)
	hidden := t.TempDir()
	check(t, os.Chmod(filepath.Dir(hidden), 0o755))
	check(t, os.Chmod(hidden, 0o711))
	app := filepath.Join(hidden, "app")
	check(t, os.Mkdir(app, 0o755))
	touch := filepath.Join(app, "touch")
	check(t, os.WriteFile(touch, nil, 0o644))
	s, _ := startDropping(t, fmt.Sprintf("uid = nobody\ntouch-reload = %s\n", touch))
	s.awaitNoneDraining()
	for i, change := range []func() error{
		func() error { return os.Rename(app, app+".old") },
		func() error { return os.Rename(app+".old", app) },
		func() error { return os.WriteFile(touch, []byte("touched"), 0o600) },
	} {
		check(t, change())
		s.await("a change", func(master.Status) bool { return s.log.Count("file changed", "path="+touch) > i })
	}
	s.stop()
}
