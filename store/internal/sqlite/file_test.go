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

// unavailable checks that the database can be neither written nor read.
func unavailable(t *testing.T, db *DB) {
	t.Helper()
	wantErr(t, db.Update(t.Context(), insert("lost")), ErrUnavailable, db.writer.file.path)
	wantErr(t, db.View(t.Context(), func(Tx) error { return nil }), ErrUnavailable, "")
}

// available checks that there are n names, and adds one.
func available(t *testing.T, db *DB, n int64) {
	t.Helper()
	if got := number(t, db, countNames); got != n {
		t.Errorf("%d names, want %d", got, n)
	}
	update(t, db, insert(fmt.Sprint("name ", n)))
}

func suffixed(path string) []string { return []string{path, path + "-wal", path + "-shm"} }

// TestDatabaseGone removes files of an open database, puts others in their place, and puts them back.
func TestDatabaseGone(t *testing.T) {
	for _, suffix := range []string{"", "-shm"} { // see TestLogRemoved
		t.Run("without the database"+suffix, func(t *testing.T) {
			db := openDB(t)
			path := db.writer.file.path + suffix
			available(t, db, 0)
			check(t, os.Rename(path, path+".away"))
			unavailable(t, db)
			if suffix == "-shm" {
				wantErr(t, db.View(t.Context(), nothing), ErrUnavailable, "a reload of the server restores it")
			}
			check(t, os.WriteFile(path, nil, 0o600))
			unavailable(t, db)
			check(t, os.Rename(path+".away", path))
			available(t, db, 1)
			available(t, db, 2)
		})
	}
	t.Run("removed", func(t *testing.T) {
		db := openDB(t)
		path := db.writer.file.path
		available(t, db, 0)
		for _, path := range suffixed(path) {
			check(t, os.Remove(path))
		}
		unavailable(t, db)
		_, err := Open(t.Context(), path, defaults())
		wantErr(t, err, fs.ErrNotExist, "")
		wantErr(t, makeAt(t.Context(), path), ErrUnavailable, "other processes have it open")
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a new one was created: %v", err)
		}
		unavailable(t, db)
		check(t, db.Close())
		openAt(t, path) // creates a new one
	})
	t.Run("in the middle of a commit", func(t *testing.T) {
		var rename func()
		db := openDB(t, Options{Committing: func() { rename() }})
		path := db.writer.file.path
		rename = func() { // on the writer's goroutine, which a fatal error would end
			if err := os.Rename(path, path+".away"); err != nil {
				t.Error(err)
			}
		}
		for i, outcome := range together(t, db, insert("a"), insert("b")) {
			if err, _ := outcome.(error); !errors.Is(err, ErrUnavailable) {
				t.Errorf("write %d: %v", i, outcome)
			}
		}
		rename = func() {}
		check(t, os.Rename(path+".away", path))
		available(t, db, 0)
	})
}

// TestDatabaseReplaced replaces an open database and its lock file by another, whose log it must leave alone.
func TestDatabaseReplaced(t *testing.T) {
	db := openDB(t)
	path := db.writer.file.path
	available(t, db, 0)
	for _, path := range append(suffixed(path), path+".lock") {
		check(t, os.Rename(path, path+".away"))
	}
	other := startCommit(t, path)
	finishCommit(t, other)
	other.Kill() // its commit is in the log alone
	unavailable(t, db)
	check(t, db.Close())
	available(t, openAt(t, path), 1)
	checkIntegrity(t, path)
}

// TestDatabaseReplacedOnConnect moves a database away while it is being opened.
func TestDatabaseReplacedOnConnect(t *testing.T) {
	path := openDB(t).writer.file.path
	file, err := identify(path)
	check(t, err)
	c := connector{file: file, source: dataSource(path, forReading, defaults())}
	c.ConnectHook = func(*sqlite3.SQLiteConn) error { return os.Rename(path, path+".away") }
	_, err = c.Connect(t.Context())
	wantErr(t, err, ErrUnavailable, path)
}

// TestWriterStopped stops a process in the middle of a commit: others can read, and their updates fail in time.
func TestWriterStopped(t *testing.T) {
	const timeout = 300 * time.Millisecond
	db := openDB(t, Options{Timeout: timeout})
	available(t, db, 0)
	other := startCommit(t, db.writer.file.path)
	other.Signal(syscall.SIGSTOP)
	var all sync.WaitGroup
	start := time.Now()
	for range 2 * maxBatch { // more than the queue has room for
		all.Go(func() { wantErr(t, db.Update(t.Context(), insert("lost")), ErrBusy, "") })
	}
	all.Wait()
	if took := time.Since(start); took < timeout || took > 10*timeout {
		t.Errorf("it took %v to give up, want %v", took, timeout)
	}
	number(t, db, countNames)
	closing, err := Open(t.Context(), db.writer.file.path, defaults(Options{Timeout: time.Millisecond}))
	check(t, err)
	wantErr(t, closing.Update(t.Context(), insert("lost")), ErrBusy, "")
	check(t, closing.Close())

	other.Signal(syscall.SIGCONT)
	finishCommit(t, other)
	available(t, db, 2)
	silent(t, other.Stop())
	available(t, db, 3)
}

// TestWriterKilled kills a process in the middle of a commit: nothing of it is stored, and the lock is free.
func TestWriterKilled(t *testing.T) {
	db := openDB(t, Options{Timeout: time.Minute})
	other := startCommit(t, db.writer.file.path)
	var all sync.WaitGroup
	all.Go(func() { update(t, db, insert("a")) })
	silent(t, other.Kill())
	all.Wait()
	available(t, db, 1)
	checkIntegrity(t, db.writer.file.path)
}

// TestDiskFull fills the disk: acknowledged updates are stored, others fail, until there is room again.
func TestDiskFull(t *testing.T) {
	disk := mountSmallDisk(t)
	db := openAt(t, filepath.Join(disk, "x.db"))
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
					if err := db.Update(t.Context(), insertOne); err != nil {
						wantErr(t, err, ErrUnavailable, "")
						return
					}
					mutex.Lock()
					stored++
					mutex.Unlock()
				}
				t.Error("the disk is not full")
			})
		}
		all.Wait()
		if n := number(t, db, countNames); n != stored {
			t.Errorf("%d rows are stored, %d were acknowledged", n, stored)
		}
	}
	for range 3 {
		fill()
		wantErr(t, db.Update(t.Context(), func(tx Tx) error {
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
	update(t, db, insertOne)
	stored++
	fill()
	if stored < before+100 {
		t.Errorf("%d more rows were stored once there was room", stored-before)
	}
	checkIntegrity(t, db.writer.file.path)
}

// mountSmallDisk mounts a file system that can be filled without harm.
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
		proctest.Missing(t, fmt.Sprintf("mounting needs root: %v", err))
	}
	check(t, err)
	t.Cleanup(func() {
		if err := unix.Unmount(target, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
}

// TestReadOnly reads a database on a read-only file system while another process seems to write to it.
func TestReadOnly(t *testing.T) {
	db := openDB(t)
	available(t, db, 0)
	dir, path := t.TempDir(), db.writer.file.path
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
		available(t, db, i+1)
	}
	wantErr(t, makeAt(t.Context(), r.writer.file.path), ErrUnavailable, "")

	// The file is read-only, its lock is not.
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

// TestDamaged: a damaged database is unavailable.
func TestDamaged(t *testing.T) {
	for name, damage := range map[string]func(content []byte) []byte{
		"cut off":     func(content []byte) []byte { return content[:len(content)/2] },
		"overwritten": func(content []byte) []byte { return append(content[:4096], strings.Repeat("x", len(content)-4096)...) },
		"no header":   func(content []byte) []byte { return append(make([]byte, 100), content[100:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			db := openAt(t, path)
			available(t, db, 0)
			check(t, db.Close())
			content, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, damage(content), 0o600))
			db, err = Open(t.Context(), path, defaults())
			if err == nil {
				defer db.Close()
				err = db.Update(t.Context(), insert("a"))
			}
			wantErr(t, err, ErrUnavailable, "")
		})
	}
}

// TestDatabaseMissing: the log of a missing database, which has its latest commits, is left alone until the database is back.
func TestDatabaseMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	c := startCommit(t, path)
	finishCommit(t, c)
	c.Kill()
	check(t, os.Rename(path, path+".away"))
	refused := func() {
		t.Helper()
		wantErr(t, makeAt(t.Context(), path), ErrUnavailable, path+"-wal has changes")
	}
	refused()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another database was created: %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o600))
	refused()
	_, err := Open(t.Context(), path, defaults())
	wantErr(t, err, ErrUnavailable, path+"-wal has changes")
	check(t, os.Rename(path+".away", path))
	if n := number(t, openAt(t, path), countNames); n != 1 {
		t.Errorf("%d names, want the one of the log", n)
	}
}
