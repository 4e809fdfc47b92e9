package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// TestTenancy replaces a database that is open and has a log.
func TestTenancy(t *testing.T) {
	other := filepath.Join(t.TempDir(), "other.db")
	check(t, makeAt(t.Context(), other))
	is, err := os.ReadFile(other)
	check(t, err)

	first := openDB(t)
	path := first.writer.file.path
	available(t, first, 0)
	second := openAt(t, path)
	check(t, os.Rename(path, path+".away"))
	check(t, os.Rename(other, path))
	refused := func() {
		t.Helper()
		_, err := Open(t.Context(), path, defaults())
		wantErr(t, err, ErrUnavailable, errReplaced.Error())
		wantErr(t, makeAt(t.Context(), path), ErrUnavailable, errReplaced.Error())
	}
	refused()
	check(t, first.Close())
	refused() // because of the second
	if now, err := os.ReadFile(path); err != nil || string(now) != string(is) {
		t.Errorf("the other database was changed: %v", err)
	}
	check(t, os.Rename(path, other))
	check(t, os.Rename(path+".away", path))
	available(t, openAt(t, path), 1)
	check(t, second.Close())
}

// TestTenancyEnds: a database can be replaced once no process has it open and its log is gone.
func TestTenancyEnds(t *testing.T) {
	end := map[string]func(path string) (ended func()){
		"closed": func(path string) func() {
			db := openAt(t, path)
			return func() { check(t, db.Close()) }
		},
		"killed": func(path string) func() {
			c := startCommit(t, path)
			return func() { c.Kill() }
		},
	}
	for name, begin := range end {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "multiproc.db")
			ended := begin(path)
			check(t, os.Rename(path, path+".away"))
			_, err := Open(t.Context(), path, defaults())
			wantErr(t, err, fs.ErrNotExist, "")
			ended()
			for _, log := range suffixed(path)[1:] {
				if err := os.Remove(log); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			available(t, openAt(t, path), 0)
		})
	}
}

// TestTenancyAfterCrash replaces a database whose last process was killed by a copy, into which its log must not be written.
func TestTenancyAfterCrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiproc.db")
	c := startCommit(t, path)
	finishCommit(t, c)
	c.Kill()
	copied := path + ".copy"
	data, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(copied, data, 0o600))
	check(t, os.Rename(path, path+".away"))
	check(t, os.Rename(copied, path))
	for range 2 {
		_, err = Open(t.Context(), path, defaults())
		wantErr(t, err, ErrUnavailable, "belongs to another file")
		wantErr(t, makeAt(t.Context(), path), ErrUnavailable, "belongs to another file")
	}
	if now, err := os.ReadFile(path); err != nil || string(now) != string(data) {
		t.Errorf("the copy was changed: %v", err)
	}
	check(t, os.Rename(path+".away", path))
	available(t, openAt(t, path), 1)
}

// TestTenancyText: an unknown text in the lock file is replaced.
func TestTenancyText(t *testing.T) {
	path := filepath.Join(t.TempDir(), "multiproc.db")
	check(t, os.WriteFile(path+".lock", make([]byte, 100), 0o600))
	openAt(t, path)
	available(t, openAt(t, path), 0)
}

// TestTenancyStopped: Open does not wait endlessly for a process that was stopped while it wrote the text.
func TestTenancyStopped(t *testing.T) {
	db := openDB(t)
	path := db.writer.file.path
	check(t, db.Close())
	fd, err := openLockFile(path, false)
	check(t, err)
	if got, err := osfile.TryLock(fd, tenancyByte, osfile.Exclusive); err != nil || !got {
		t.Fatal(got, err)
	}
	_, err = Open(t.Context(), path, defaults(Options{Timeout: 50 * time.Millisecond}))
	wantErr(t, err, ErrUnavailable, "was stopped")
	check(t, unix.Close(fd))
	available(t, openAt(t, path), 0)
}
