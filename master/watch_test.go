package master

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// watched collects the changes that a watcher reports.
type watched struct {
	t       *testing.T
	changes chan string
}

func watchIn(t *testing.T, paths ...string) watched {
	t.Helper()
	changes := make(chan string, 100)
	w, err := watchFiles(paths, nil, func(path string) { changes <- path })
	check(t, err)
	t.Cleanup(w.close)
	return watched{t, changes}
}

// expect waits for these changes and no others. A change that must not be reported is followed by one that must: an earlier
// change is never reported after a later one.
func (w watched) expect(paths ...string) {
	w.t.Helper()
	var got []string
	for range paths {
		select {
		case path := <-w.changes:
			got = append(got, path)
		case <-time.After(proctest.Patience):
			w.t.Fatalf("reported %v, want %v", got, paths)
		}
	}
	slices.Sort(got)
	slices.Sort(paths)
	if !slices.Equal(got, paths) {
		w.t.Fatalf("reported %v, want %v", got, paths)
	}
	if len(w.changes) > 0 {
		w.t.Fatalf("also reported %s", <-w.changes)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), 0o600))
}

// replace renames a new file to path, as a deployment does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	write(t, path+".new", content)
	check(t, os.Rename(path+".new", path))
}

// touch sets the modification time of a file.
func touch(t *testing.T, path string, second int64) {
	t.Helper()
	check(t, os.Chtimes(path, time.Time{}, time.Unix(second, 0)))
}

func TestWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b, late := dir+"/a", dir+"/b", dir+"/late"
	write(t, a, "a")
	write(t, b, "b")
	w := watchIn(t, a, b, late)
	touch(t, a, 1)
	w.expect(a)
	write(t, a, "more")
	w.expect(a)
	write(t, late, "created")
	w.expect(late)
	replace(t, b, "renamed to its place")
	w.expect(b)

	check(t, os.Remove(late))
	w.expect(late)
	write(t, late, "created again")
	w.expect(late)

	// Not a change: another file, a mode.
	write(t, dir+"/c", "c")
	check(t, os.Chmod(a, 0o640))
	touch(t, b, 1)
	w.expect(b)
	check(t, os.Rename(late, dir+"/away"))
	w.expect(late)
	check(t, os.Rename(dir+"/away", late))
	w.expect(late)
}

// The entries of a directory count as they do in uWSGI: for touch-reload those that come and go, for fs-reload also what is in them.
func TestWatchDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	touched, whole, file := dir+"/touched", dir+"/whole", dir+"/file"
	for _, name := range []string{touched, whole, whole + "/sub"} {
		check(t, os.Mkdir(name, 0o700))
		write(t, name+"/a", "a")
	}
	write(t, file, "f")
	write(t, touched+"/same", "s")
	changes := make(chan string, 100)
	watcher, err := watchFiles([]string{touched}, []string{whole, file}, func(path string) { changes <- path })
	check(t, err)
	t.Cleanup(watcher.close)
	w := watched{t, changes}
	for _, change := range []struct {
		path string
		make func() error
	}{
		{whole, func() error { return os.WriteFile(whole+"/a", []byte("more"), 0o600) }},
		{whole, func() error { return os.Chmod(whole+"/a", 0o640) }},
		{whole, func() error { return os.WriteFile(whole+"/b", nil, 0o600) }},
		{whole, func() error { return os.Rename(whole+"/b", whole+"/c") }},
		{whole, func() error { return os.Rename(whole+"/c", dir+"/away") }},
		{whole, func() error { return os.Rename(dir+"/away", whole+"/a") }},
		{whole, func() error { return os.Symlink("a", whole+"/link") }},
		{whole, func() error { return os.Remove(whole + "/a") }},
		{whole, func() error { return os.Chmod(whole+"/sub", 0o750) }},
		{whole, func() error { return os.Mkdir(whole+"/more", 0o700) }},
		{whole, func() error { return os.Chmod(whole, 0o750) }},
		{touched, func() error { return os.WriteFile(touched+"/b", nil, 0o600) }},
		{touched, func() error { return os.Remove(touched + "/a") }},
		{file, func() error { return os.Chmod(file, 0o640) }},
		{file, func() error { return os.Remove(file) }},
		{file, func() error { return os.WriteFile(file, nil, 0o600) }},
		{whole, func() error { return os.RemoveAll(whole) }},
		{whole, func() error { return os.Mkdir(whole, 0o700) }},
		{whole, func() error { return os.WriteFile(whole+"/a", nil, 0o600) }},
	} {
		// Not a change: what is in a file of the one, and in a subdirectory of the other.
		write(t, touched+"/same", "more")
		_ = os.WriteFile(whole+"/sub/more", []byte("more"), 0o600)
		_ = os.Remove(whole + "/sub/more")
		check(t, change.make())
		w.expect(change.path)
	}
}

// A directory above may be renamed, and another one take its place, also in an exchange of the two.
func TestWatchAncestorReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := dir + "/app/current/etc/touch"
	for _, name := range []string{"/app", "/new", "/newer"} {
		check(t, os.MkdirAll(dir+name+"/current/etc", 0o700))
		write(t, dir+name+"/current/etc/touch", name)
	}
	w := watchIn(t, path)
	check(t, os.Rename(dir+"/app", dir+"/old"))
	check(t, os.Rename(dir+"/new", dir+"/app"))
	w.expect(path)
	touch(t, dir+"/old/current/etc/touch", 1)
	touch(t, path, 1)
	w.expect(path)
	check(t, unix.Renameat2(unix.AT_FDCWD, dir+"/app", unix.AT_FDCWD, dir+"/newer", unix.RENAME_EXCHANGE))
	w.expect(path)
	touch(t, path, 2)
	w.expect(path)
	check(t, os.Rename(dir+"/app/current", dir+"/app/away"))
	w.expect(path)
	check(t, os.Rename(dir+"/app/away", dir+"/app/current"))
	w.expect(path)
	touch(t, path, 3)
	w.expect(path)
}

// A file that is changed many times in a row is reported once, however much else happens in its directory.
func TestWatchSettles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a, b := dir+"/a", dir+"/b"
	w := watchIn(t, a, b)
	for i := range 50 {
		write(t, a, strings.Repeat("x", i))
		replace(t, b, strings.Repeat("y", i))
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-done:
				return
			case <-time.After(settleTime / 10):
				_ = os.WriteFile(dir+"/other", nil, 0o600)
			}
		}
	}()
	w.expect(a, b)
	close(done)
	<-stopped
}

// Kubernetes replaces all files of a volume at once: they are links into ..data, which is a link that is replaced.
func TestWatchKubernetes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release := func(name, one, two string) {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "one"), one)
		write(t, filepath.Join(dir, name, "two"), two)
		check(t, os.Symlink(name, dir+"/..data_tmp"))
		check(t, os.Rename(dir+"/..data_tmp", dir+"/..data"))
	}
	release("..1", "1", "1")
	one, two := dir+"/one", dir+"/two"
	check(t, os.Symlink("..data/one", one))
	check(t, os.Symlink("..data/two", two))
	w := watchIn(t, one, two)
	release("..2", "2", "2")
	w.expect(one, two)
	check(t, os.RemoveAll(dir+"/..1"))
	release("..3", "3", "3")
	w.expect(one, two)
	touch(t, dir+"/..3/two", 1) // behind two links
	w.expect(two)
}

// A deployment creates a directory and changes a link to it.
func TestWatchReleases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"1", "2", "3"} {
		check(t, os.MkdirAll(filepath.Join(dir, name, "etc"), 0o700))
	}
	write(t, dir+"/1/etc/touch", "1")
	write(t, dir+"/2/etc/touch", "2")
	current := dir + "/current"
	check(t, os.Symlink(dir+"/1", current))
	path := current + "/etc/touch"
	w := watchIn(t, path)
	link := func(target string) {
		t.Helper()
		check(t, os.Symlink(target, dir+"/next"))
		check(t, os.Rename(dir+"/next", current))
	}
	link(dir + "/2")
	w.expect(path)
	touch(t, dir+"/1/etc/touch", 1) // of the release before
	touch(t, dir+"/2/etc/touch", 2)
	w.expect(path)
	link("3") // without the file
	write(t, dir+"/3/etc/touch", "3")
	w.expect(path)
	check(t, os.Remove(current))
	check(t, os.Symlink("1", current))
	w.expect(path)
}

// The directory may be created later, and replaced.
func TestWatchDirectoryReplaced(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() + "/etc"
	path := dir + "/touch"
	w := watchIn(t, path)
	check(t, os.Mkdir(dir, 0o700))
	write(t, path, "1")
	w.expect(path)
	check(t, os.Rename(dir, dir+".old"))
	check(t, os.Mkdir(dir, 0o700))
	write(t, path, "2")
	w.expect(path)
	check(t, os.RemoveAll(dir))
	check(t, os.Mkdir(dir, 0o700))
	write(t, path, "3")
	w.expect(path)
	touch(t, path, 1)
	w.expect(path)
}

// A missing directory is waited for, but may be a mistake.
func TestWatchMissingDirectory(t *testing.T) {
	var log proctest.Log
	m := &Master{log: slog.New(slog.NewTextHandler(&log, nil))}
	path := t.TempDir() + "/missing/touch"
	m.watch(Plan{Watch: []string{path}, WatchContents: []string{filepath.Dir(path)}})
	defer m.watcher.close()
	if log.Count("level=WARN", "watched directory is missing", "path="+filepath.Dir(path)) != 1 {
		t.Errorf("the log is %q", log.String())
	}
	if log.Count("level=WARN", "directory of watched file is missing", "path="+path) != 1 {
		t.Errorf("the log is %q", log.String())
	}
}

// close does not wait for a call that waits for the caller of close, and there are no calls after that one.
func TestWatchClose(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a", dir+"/b"
	calls, release, returned := make(chan string, 2), make(chan struct{}), make(chan struct{})
	before := inotifies(t)
	w, err := watchFiles([]string{a, b}, nil, func(path string) {
		calls <- path
		<-release
		close(returned) // a second call would panic
	})
	check(t, err)
	write(t, a, "")
	write(t, b, "")
	<-calls
	w.close()
	if n := inotifies(t); n != before {
		t.Errorf("%d inotify descriptors are open, %d before", n, before)
	}
	close(release)
	<-returned
	if len(calls) > 0 {
		t.Errorf("%s was reported after the end", <-calls)
	}
}

// inotifies returns the number of inotify descriptors that this process has open.
func inotifies(t *testing.T) int {
	t.Helper()
	n := 0
	for _, file := range proctest.Descriptors(os.Getpid()) {
		if file == "anon_inode:inotify" {
			n++
		}
	}
	return n
}

func TestTrail(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	check(t, os.MkdirAll(dir+"/r/1", 0o700))
	check(t, os.Symlink("r/1", dir+"/current"))
	check(t, os.Symlink("../../current/./x", dir+"/r/1/up"))
	check(t, os.Symlink("loop", dir+"/loop"))
	f := func(path string, want ...string) {
		t.Helper()
		way := newTrail()
		way.add(dir+path, false)
		var got []string
		for d, required := range way.dirs {
			if required {
				got = append(got, strings.TrimPrefix(d, dir))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	f("/x", "")
	f("/r/1", "/r")
	f("/r/2/x", "/r")
	f("/r/1/x/y", "/r/1")
	f("/current", "", "/r")
	f("/current/x", "", "/r/1")
	f("/r/1/up", "", "/r/1")
	f("/current/../x", "", "/r")
	f("/loop", "")
}
