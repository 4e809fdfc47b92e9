package osfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

func open(t *testing.T, path string, flags int) int {
	t.Helper()
	fd, err := osfile.Open(path, flags, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func TestIdentity(t *testing.T) {
	dir := t.TempDir()
	path, other, link := filepath.Join(dir, "a"), filepath.Join(dir, "b"), filepath.Join(dir, "link")
	fd := open(t, path, unix.O_RDWR|unix.O_CREAT)
	open(t, other, unix.O_RDWR|unix.O_CREAT)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	id, err := osfile.IdentifyFD(fd)
	if err != nil {
		t.Fatal(err)
	}
	if followed, err := osfile.Identify(link); followed != id || err != nil {
		t.Errorf("Identify followed the link to %v, %v, want %v", followed, err, id)
	}
	for at, want := range map[string]bool{path: true, other: false, link: false, filepath.Join(dir, "none"): false} {
		if id.IsAt(at) != want {
			t.Errorf("IsAt(%s) = %t, want %t", at, !want, want)
		}
	}
	if _, err := osfile.Identify(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Identify of no file: %v", err)
	}
}

func TestOpenDoesNotFollowLinksOrWait(t *testing.T) {
	dir := t.TempDir()
	link, fifo := filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := errors.Join(os.Symlink(dir, link), unix.Mkfifo(fifo, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := osfile.Open(link, unix.O_RDONLY, 0); !errors.Is(err, unix.ELOOP) {
		t.Errorf("a link was opened: %v", err)
	}
	open(t, fifo, unix.O_RDONLY) // would wait for a writer
}

func TestLocks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, second := open(t, path, unix.O_RDWR|unix.O_CREAT), open(t, path, unix.O_RDWR)
	try := func(fd int, at int64, typ osfile.LockType, want bool) {
		t.Helper()
		if got, err := osfile.TryLock(fd, at, typ); got != want || err != nil {
			t.Errorf("TryLock = %t, %v, want %t", got, err, want)
		}
	}
	held := func(fd int, at int64, want bool) {
		t.Helper()
		if got, err := osfile.IsLocked(fd, at); got != want || err != nil {
			t.Errorf("IsLocked = %t, %v, want %t", got, err, want)
		}
	}
	try(first, 0, osfile.Exclusive, true)
	try(second, 0, osfile.Shared, false)
	try(second, 1, osfile.Exclusive, true) // another byte
	held(first, 0, false)                  // its own
	held(second, 0, true)
	held(open(t, path, unix.O_RDONLY), 0, true)

	try(first, 0, osfile.Shared, true) // changes the type
	try(second, 0, osfile.Shared, true)
	try(second, 0, osfile.Exclusive, false)
	if err := osfile.Unlock(first, 0); err != nil {
		t.Error(err)
	}
	try(second, 0, osfile.Exclusive, true)

	waited := make(chan error)
	go func() { waited <- osfile.Lock(first, 0, osfile.Exclusive) }()
	if err := osfile.Unlock(second, 0); err != nil {
		t.Error(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	held(second, 0, true)
}

func TestFlockOfDirectory(t *testing.T) {
	dir := t.TempDir()
	for i, want := range []bool{true, false} {
		if got, err := osfile.TryFlock(open(t, dir, unix.O_RDONLY|unix.O_DIRECTORY)); got != want || err != nil {
			t.Errorf("TryFlock number %d = %t, %v", i, got, err)
		}
	}
}
