package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mattn/go-sqlite3"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// unavailable checks that nothing can be written, nor read.
func unavailable(t *testing.T, s *DB) {
	t.Helper()
	wantErr(t, s.Update(t.Context(), insert("lost")), ErrUnavailable, s.writer.file.path)
	wantErr(t, s.View(t.Context(), func(Tx) error { return nil }), ErrUnavailable, "")
}

// available checks that n APIs are there, and that another can be written.
func available(t *testing.T, s *DB, n int64) {
	t.Helper()
	if got := number(t, s, countNames); got != n {
		t.Errorf("%d names, want %d", got, n)
	}
	update(t, s, insert(fmt.Sprint("name ", n)))
}

func suffixed(path string) []string { return []string{path, path + "-wal", path + "-shm"} }

// TestDatabaseGone removes files of an open database, puts others in their place, and brings them back.
func TestDatabaseGone(t *testing.T) {
	for i, suffix := range []string{"", "-wal", "-shm"} {
		t.Run("without the database"+suffix, func(t *testing.T) {
			s := openDB(t)
			path := suffixed(s.writer.file.path)[i]
			available(t, s, 0)
			check(t, os.Rename(path, path+".away"))
			unavailable(t, s)
			check(t, os.WriteFile(path, nil, 0o600))
			unavailable(t, s)
			check(t, os.Rename(path+".away", path))
			available(t, s, 1)
			available(t, s, 2)
		})
	}
	t.Run("removed", func(t *testing.T) {
		s := openDB(t)
		path := s.writer.file.path
		available(t, s, 0)
		for _, path := range suffixed(path) {
			check(t, os.Remove(path))
		}
		unavailable(t, s)
		_, err := Open(t.Context(), path, defaults())
		wantErr(t, err, fs.ErrNotExist, "")
		err = makeAt(t.Context(), path)
		wantErr(t, err, ErrUnavailable, "other processes have it open")
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("there is a new one: %v", err)
		}
		unavailable(t, s)
		check(t, s.Close())
		openAt(t, path) // a new one
	})
	t.Run("in the middle of a commit", func(t *testing.T) {
		var rename func()
		s := openDB(t, Options{Committing: func() { rename() }})
		path := s.writer.file.path
		rename = func() { check(t, os.Rename(path, path+".away")) }
		for i, outcome := range together(t, s, insert("a"), insert("b")) {
			if err, _ := outcome.(error); !errors.Is(err, ErrUnavailable) {
				t.Errorf("write %d: %v", i, outcome)
			}
		}
		rename = func() {}
		check(t, os.Rename(path+".away", path))
		available(t, s, 0)
	})
}

// TestDatabaseReplaced puts another database in its place, which stays as it is, together with its log.
func TestDatabaseReplaced(t *testing.T) {
	s := openDB(t)
	path := s.writer.file.path
	available(t, s, 0)
	for _, path := range append(suffixed(path), path+".lock") {
		check(t, os.Rename(path, path+".away"))
	}
	other := proctest.Start(t, "commit", path)
	for _, want := range []string{"migrated", "in the lock"} {
		if got := other.Line(); got != want {
			t.Fatalf("%q instead of %q", got, want)
		}
	}
	other.Send("commit")
	if got := other.Line(); got != "committed" {
		t.Error(got)
	}
	other.Kill() // what it wrote is in the log alone
	unavailable(t, s)
	check(t, s.Close())
	available(t, openAt(t, path), 1)
	checkIntegrity(t, path)
}

// TestDatabaseReplacedOnConnect puts another database in its place while it is being opened.
func TestDatabaseReplacedOnConnect(t *testing.T) {
	path := openDB(t).writer.file.path
	file, err := identify(path)
	check(t, err)
	c := connector{file: file, source: dataSource(path, forReading, defaults())}
	c.ConnectHook = func(*sqlite3.SQLiteConn) error { return os.Rename(path, path+".away") }
	_, err = c.Connect(t.Context())
	wantErr(t, err, ErrUnavailable, path)
}

// TestWriterStopped stops a process in the middle of a commit: others read, and their writes fail in time.
func TestWriterStopped(t *testing.T) {
	const timeout = 300 * time.Millisecond
	s := openDB(t, Options{Timeout: timeout})
	available(t, s, 0)
	other := proctest.Start(t, "commit", s.writer.file.path)
	other.Line()
	if got := other.Line(); got != "in the lock" {
		t.Fatal(got)
	}
	other.Signal(syscall.SIGSTOP)
	var all sync.WaitGroup
	start := time.Now()
	for range 2 * maxBatch { // more than wait in the queue
		all.Go(func() { wantErr(t, s.Update(t.Context(), insert("lost")), ErrBusy, "") })
	}
	all.Wait()
	if took := time.Since(start); took < timeout || took > 10*timeout {
		t.Errorf("it took %v to give up, want %v", took, timeout)
	}
	number(t, s, countNames)
	closing, err := Open(t.Context(), s.writer.file.path, defaults(Options{Timeout: time.Millisecond}))
	check(t, err)
	wantErr(t, closing.Update(t.Context(), insert("lost")), ErrBusy, "")
	check(t, closing.Close())

	other.Signal(syscall.SIGCONT)
	other.Send("commit")
	if got := other.Line(); got != "committed" {
		t.Error(got)
	}
	available(t, s, 2)
	silent(t, other.Stop())
	available(t, s, 3)
}

// TestWriterKilled kills a process in the middle of a commit: nothing of it is stored, and nobody waits.
func TestWriterKilled(t *testing.T) {
	s := openDB(t, Options{Timeout: time.Minute})
	other := proctest.Start(t, "commit", s.writer.file.path)
	other.Line()
	other.Line()
	var all sync.WaitGroup
	all.Go(func() { update(t, s, insert("a")) })
	silent(t, other.Kill())
	all.Wait()
	available(t, s, 1)
	checkIntegrity(t, s.writer.file.path)
}

// TestDiskFull fills the disk: what was acknowledged is there, the rest is refused, and all goes on when there is room.
func TestDiskFull(t *testing.T) {
	disk := mountSmallDisk(t)
	s := openAt(t, filepath.Join(disk, "x.db"))
	ballast := filepath.Join(disk, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 3<<20), 0o600))
	var mutex sync.Mutex
	stored := int64(0)
	insertOne := func(tx Tx) error {
		_, err := tx.exec("INSERT INTO names (name) VALUES (hex(randomblob(100)))")
		return err
	}
	fill := func() {
		t.Helper()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 100_000 {
					if err := s.Update(t.Context(), insertOne); err != nil {
						wantErr(t, err, ErrUnavailable, "")
						return
					}
					mutex.Lock()
					stored++
					mutex.Unlock()
				}
				t.Error("the disk did not get full")
			})
		}
		all.Wait()
		if n := number(t, s, countNames); n != stored {
			t.Errorf("%d rows are stored, %d were said to be", n, stored)
		}
	}
	for range 3 {
		fill()
		wantErr(t, s.Update(t.Context(), func(tx Tx) error {
			for range 10_000 {
				if err := insertOne(tx); err != nil {
					return err
				}
			}
			return nil
		}), ErrUnavailable, "")
	}
	check(t, os.Remove(ballast))
	before := stored
	update(t, s, insertOne)
	stored++
	fill()
	if stored < before+100 {
		t.Errorf("%d more rows were stored when there was room", stored-before)
	}
	checkIntegrity(t, s.writer.file.path)
}

// mountSmallDisk gives a file system of its own to the test, which can be filled without harm.
func mountSmallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	mount(t, "tmpfs", dir, "tmpfs", 0, "size=8m,mode=0700")
	return dir
}

func mount(t *testing.T, source, target, fstype string, flags uintptr, data string) {
	t.Helper()
	err := unix.Mount(source, target, fstype, flags, data)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		proctest.Missing(t, fmt.Sprintf("nothing can be mounted, which takes root: %v", err))
	}
	check(t, err)
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestReadOnly opens a database on a file system that cannot be written to, beside one who can.
func TestReadOnly(t *testing.T) {
	s := openDB(t)
	available(t, s, 0)
	dir, path := t.TempDir(), s.writer.file.path
	mount(t, filepath.Dir(path), dir, "", unix.MS_BIND, "")
	check(t, unix.Mount("", dir, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	r, err := Open(t.Context(), filepath.Join(dir, filepath.Base(path)), defaults())
	check(t, err)
	defer r.Close()
	for i := range int64(3) {
		if n := number(t, r, countNames); n != i+1 {
			t.Errorf("%d names, want %d", n, i+1)
		}
		wantErr(t, r.Update(t.Context(), insert("lost")), ErrUnavailable, "")
		available(t, s, i+1)
	}
	err = makeAt(t.Context(), r.writer.file.path)
	wantErr(t, err, ErrUnavailable, "")

	// The file is what cannot be written to, but its lock can.
	check(t, r.Close())
	mount(t, path, path, "", unix.MS_BIND, "")
	check(t, unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	r, err = Open(t.Context(), path, defaults())
	check(t, err)
	defer r.Close()
	wantErr(t, r.Update(t.Context(), insert("lost")), ErrUnavailable, "readonly database")
	if n := number(t, r, countNames); n != 4 {
		t.Errorf("%d names, want 4", n)
	}
}

// TestDamaged opens databases that were damaged.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"cut off":     func(content []byte) []byte { return content[:len(content)/2] },
		"overwritten": func(content []byte) []byte { return append(content[:4096], strings.Repeat("x", len(content)-4096)...) },
		"no header":   func(content []byte) []byte { return append(make([]byte, 100), content[100:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			s := openAt(t, path)
			available(t, s, 0)
			check(t, s.Close())
			content, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, damage(content), 0o600))
			s, err = Open(t.Context(), path, defaults())
			if err == nil {
				defer s.Close()
				err = s.Update(t.Context(), insert("a"))
			}
			wantErr(t, err, ErrUnavailable, "")
		})
	}
}

// TestDatabaseTakenAway leaves the log of a database alone, which has what was written last, until that is back.
func TestDatabaseTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	c := proctest.Start(t, "commit", path)
	c.Line()
	c.Line()
	c.Send("commit")
	c.Line()
	c.Kill()
	check(t, os.Rename(path, path+".away"))
	refused := func() {
		t.Helper()
		err := makeAt(t.Context(), path)
		wantErr(t, err, ErrUnavailable, path+"-wal has changes")
	}
	refused()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is another database now: %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o600))
	refused()
	_, err := Open(t.Context(), path, defaults())
	wantErr(t, err, ErrUnavailable, path+"-wal has changes")
	check(t, os.Rename(path+".away", path))
	if n := number(t, openAt(t, path), countNames); n != 1 {
		t.Errorf("%d names, want what was written last", n)
	}
}
