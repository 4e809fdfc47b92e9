package mpmetrics_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

func TestOpenDirectoryMakes(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	path := filepath.Join(parent, "metrics")
	log := &logged{}
	for range 2 { // also where it is already
		d, err := mpmetrics.OpenDirectory(path, log.logger())
		check(t, err)
		check(t, d.Close())
	}
	for _, made := range []string{parent, path} {
		if info, err := os.Stat(made); err != nil || !info.IsDir() {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
}

// TestModesAreLeftToTheUmask looks at all that is made in and for a directory: who may read it, the umask says, and others
// may write nowhere, whatever it says.
func TestModesAreLeftToTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o027, 0o077} {
		path := filepath.Join(t.TempDir(), "metrics")
		before := unix.Umask(umask)
		d, err := mpmetrics.OpenDirectory(path, nil)
		if err == nil {
			err = d.Wipe()
		}
		w, failed := mpmetrics.NewWriter(path, "w1", mpmetrics.WriterOptions{})
		if failed == nil {
			_, failed = w.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A."})
		}
		unix.Umask(before)
		check(t, errors.Join(err, failed))
		seen := 0
		check(t, filepath.Walk(path, func(path string, info fs.FileInfo, err error) error {
			want := fs.FileMode(0o644) &^ fs.FileMode(umask)
			if err == nil && info.IsDir() {
				want = 0o755&^fs.FileMode(umask) | fs.ModeDir
			}
			if seen++; err == nil && info.Mode() != want {
				t.Errorf("umask %03o: %s has mode %v, want %v", umask, path, info.Mode(), want)
			}
			return err
		}))
		if seen < 4 { // the directory, .mpm, a lock, a metric file
			t.Errorf("umask %03o: only %d files", umask, seen)
		}
		check(t, errors.Join(w.Close(), d.Close()))
	}
}

func TestOpenDirectoryRefuses(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	check(t, os.Symlink(t.TempDir(), link))
	put(t, file, nil)
	f := func(path, cause string) {
		t.Helper()
		if d, err := mpmetrics.OpenDirectory(path, nil); err == nil {
			t.Errorf("%q: no error, and %v on Close", path, d.Close())
		} else if !strings.Contains(err.Error(), cause) || !strings.Contains(err.Error(), filepath.Clean(path)) && path != "" {
			t.Errorf("%q: %v", path, err)
		}
	}
	f("", "no path")
	f(link, "symbolic link")
	f(link+"/", "symbolic link")
	f(link+"//.", "symbolic link")
	f(file, "not a directory")
	f("/", "holds other files")
	f("/tmp", "holds other files")
	f("/tmp/", "holds other files")
	f("/var/tmp", "holds other files")
	f(home, "holds other files")
	f(home+"/../"+filepath.Base(home), "holds other files")
	if _, err := os.Stat("/dev/shm"); err == nil {
		f("/dev/shm", "holds other files")
	}
	if got := fileNames(t, home); len(got) > 0 {
		t.Errorf("%v in a directory that was refused", got)
	}
	if w, err := mpmetrics.NewWriter(link, "w1", mpmetrics.WriterOptions{}); err == nil {
		t.Errorf("a Writer takes a symbolic link, and %v on Close", w.Close())
	}

	below, err := mpmetrics.OpenDirectory(filepath.Join(home, "metrics"), nil)
	if err != nil {
		t.Fatalf("below the home directory: %v", err)
	}
	check(t, below.Close())
}

func TestOpenDirectoryOfAnotherUser(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	check(t, os.Chown(dir, 12345, -1))
	d, err := mpmetrics.OpenDirectory(dir, nil)
	if err == nil {
		t.Fatalf("no error, and %v on Close", d.Close())
	}
	if !strings.Contains(err.Error(), "user 12345") {
		t.Error(err)
	}
}

func TestOpenDirectoryWritableByOthers(t *testing.T) {
	for _, test := range []struct {
		mode os.FileMode
		warn bool
	}{
		{0o755, false},
		{0o775, true},
		{0o757, true},
		{os.ModeSticky | 0o777, true}, // as container engines make them
	} {
		dir := t.TempDir()
		check(t, os.Chmod(dir, test.mode))
		log := &logged{}
		d, err := mpmetrics.OpenDirectory(dir, log.logger())
		if err != nil {
			t.Errorf("%v: %v", test.mode, err)
			continue
		}
		check(t, d.Close())
		records := log.records(t)
		if warned := len(records) == 1 && records[0]["level"] == "WARN" && records[0]["path"] == dir; warned != test.warn || len(records) > 1 {
			t.Errorf("%v: log: %s", test.mode, log)
		}
	}
}

func openDirectory(t *testing.T, path string, log *logged) *mpmetrics.Directory {
	t.Helper()
	d, err := mpmetrics.OpenDirectory(path, log.logger())
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}
