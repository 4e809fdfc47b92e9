package master

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// watched are the changes that a watcher tells of.
type watched struct {
	t       *testing.T
	changes chan string
}

func watchIn(t *testing.T, paths ...string) watched {
	t.Helper()
	changes := make(chan string, 100)
	w, err := watchFiles(paths, func(path string) { changes <- path })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return watched{t, changes}
}

// expect waits for these changes and no others. What must not be told of is followed by a change that must: nothing
// comes after it that happened before.
func (w watched) expect(paths ...string) {
	w.t.Helper()
	var got []string
	for range paths {
		select {
		case path := <-w.changes:
			got = append(got, path)
		case <-time.After(20 * time.Second):
			w.t.Fatalf("told of %v, not of %v", got, paths)
		}
	}
	slices.Sort(got)
	slices.Sort(paths)
	if !slices.Equal(got, paths) {
		w.t.Fatalf("told of %v instead of %v", got, paths)
	}
	if len(w.changes) > 0 {
		w.t.Fatalf("told of %s as well", <-w.changes)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	check(t, os.WriteFile(path, []byte(content), 0o600))
}

// replace puts a file in the place of another, as a deployment does.
func replace(t *testing.T, path, content string) {
	t.Helper()
	write(t, path+".new", content)
	check(t, os.Rename(path+".new", path))
}

// touch sets the time that a file was changed at.
func touch(t *testing.T, path string, second int64) {
	t.Helper()
	check(t, os.Chtimes(path, time.Time{}, time.Unix(second, 0)))
}

func TestWatch(t *testing.T) {
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

	// Neither another file, nor the same content at the same time, nor an end.
	write(t, dir+"/c", "c")
	check(t, os.Chmod(a, 0o640))
	check(t, os.Remove(late))
	touch(t, b, 1)
	w.expect(b)
	write(t, late, "created again")
	w.expect(late)
	check(t, os.Rename(late, dir+"/away"))
	check(t, os.Rename(dir+"/away", late))
	touch(t, a, 2)
	w.expect(a)
}

// A file that is changed many times in a row is told of once.
func TestWatchSettles(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a", dir+"/b"
	w := watchIn(t, a, b)
	for i := range 50 {
		write(t, a, strings.Repeat("x", i))
		replace(t, b, strings.Repeat("y", i))
	}
	w.expect(a, b)
}

// Kubernetes replaces all files of a volume at once: they are links into ..data, which is a link that is replaced.
func TestWatchKubernetes(t *testing.T) {
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

// A deployment makes a directory and sets a link to it.
func TestWatchReleases(t *testing.T) {
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
	f := func(target string) {
		t.Helper()
		check(t, os.Symlink(target, dir+"/next"))
		check(t, os.Rename(dir+"/next", current))
	}
	f(dir + "/2")
	w.expect(path)
	touch(t, dir+"/1/etc/touch", 1) // is not the one any more
	touch(t, dir+"/2/etc/touch", 2)
	w.expect(path)
	f("3") // without the file
	write(t, dir+"/3/etc/touch", "3")
	w.expect(path)
	check(t, os.Remove(current))
	check(t, os.Symlink("1", current))
	w.expect(path)
}

// The directory may be made anew.
func TestWatchDirectoryReplaced(t *testing.T) {
	dir := t.TempDir() + "/etc"
	path := dir + "/touch"
	check(t, os.Mkdir(dir, 0o700))
	w := watchIn(t, path)
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

func TestWatchRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/file", "")
	for path, want := range map[string]error{dir + "/missing/touch": fs.ErrNotExist, dir + "/file/touch": unix.ENOTDIR} {
		if w, err := watchFiles([]string{dir + "/file", path}, func(string) {}); !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "watch files: ") {
			if w != nil {
				w.Close()
			}
			t.Errorf("%s: %v", path, err)
		}
	}
	if n := inotifies(t); n > 0 {
		t.Errorf("%d left open", n)
	}
}

// Close does not wait for a call that waits for whoever calls Close, and there are no further ones.
func TestWatchClose(t *testing.T) {
	dir := t.TempDir()
	a, b := dir+"/a", dir+"/b"
	calls, release := make(chan string, 2), make(chan struct{})
	returned := make(chan struct{})
	w, err := watchFiles([]string{a, b}, func(path string) {
		calls <- path
		<-release
		close(returned) // a second time it would panic
	})
	check(t, err)
	write(t, a, "")
	write(t, b, "")
	<-calls
	w.Close()
	if n := inotifies(t); n > 0 {
		t.Errorf("%d left open", n)
	}
	close(release)
	<-returned
	if len(calls) > 0 {
		t.Errorf("told of %s after Close", <-calls)
	}
}

// inotifies is how many watchers this process has open.
func inotifies(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	n := 0
	for _, entry := range entries {
		if link, _ := os.Readlink("/proc/self/fd/" + entry.Name()); link == "anon_inode:inotify" {
			n++
		}
	}
	return n
}

func TestSteps(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	check(t, err)
	check(t, os.MkdirAll(dir+"/r/1", 0o700))
	check(t, os.Symlink("r/1", dir+"/current"))
	check(t, os.Symlink("../../current/./x", dir+"/r/1/up"))
	check(t, os.Symlink("loop", dir+"/loop"))
	f := func(path string, want ...string) {
		t.Helper()
		got := steps(dir + path)
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], dir)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
	f("/x", "/x")
	f("/r/1", "/r/1")
	f("/r/2/x", "/r/2")
	f("/current", "/current", "/r/1")
	f("/current/x", "/current", "/r/1/x")
	f("/r/1/up", "/r/1/up", "/current", "/r/1/x")
	f("/current/../x", "/current", "/r/x")
	if got := steps(dir + "/loop"); len(got) > 50 {
		t.Errorf("a link to itself is followed %d times", len(got))
	}
}
