package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// newTurn is a fair lock of a database that is only a name.
func newLock(t *testing.T) *fairLock {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	check(t, os.WriteFile(path, nil, 0o600))
	lock := newFairLock(path)
	t.Cleanup(lock.close)
	return lock
}

// again returns a second lock of the same database, as another process would have it.
func (l *fairLock) again(tb testing.TB) *fairLock {
	tb.Helper()
	lock := newFairLock(l.database)
	tb.Cleanup(lock.close)
	return lock
}

// acquired tries to acquire the lock for a moment.
func (l *fairLock) acquired(tb testing.TB) bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Millisecond)
	defer cancel()
	err := l.acquire(ctx)
	if err != nil {
		wantErr(tb, err, context.DeadlineExceeded, "")
	}
	return err == nil
}

// TestFairLockTurns has processes take the lock as often as they can: one at a time, and none twice while others wait.
func TestFairLockTurns(t *testing.T) {
	lock := newLock(t)
	processes, turns := 4, proctest.Rounds(200, 1000)
	check(t, lock.acquire(t.Context()))
	var all []*proctest.Child
	for i := range processes {
		c := proctest.Start(t, "turns", lock.database, string(rune('A'+i)), strconv.Itoa(turns))
		c.Line()
		all = append(all, c)
	}
	lock.release()
	for _, c := range all {
		silent(t, c.Stop())
	}
	notes, err := os.ReadFile(lock.database)
	check(t, err)
	if len(notes) != processes*turns {
		t.Fatalf("%d turns were noted, want %d: two processes held the lock at once", len(notes), processes*turns)
	}
	order, waited := bytes.ToUpper(notes), 0
	for i, process := range notes[:len(notes)-1] {
		if process == order[i] {
			continue
		}
		waited++
		if order[i+1] == order[i] {
			t.Errorf("turn %d: the same process had the next one, though another waited", i)
		}
	}
	if waited < turns/2 {
		t.Errorf("others waited at %d of %d turns, too few to show anything", waited, len(notes))
	}
}

// turnsChild appends a letter to the file in each of its turns, in lower case if another process waits in the gate. A letter is lost if
// two processes do so at once.
func turnsChild(args []string) error {
	lock := newFairLock(args[0])
	defer lock.close()
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for range n {
		if err := lock.acquire(context.Background()); err != nil {
			return err
		}
		notes, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		note := args[1]
		if waiting, err := osfile.IsLocked(lock.fd, gateByte); err != nil {
			return err
		} else if waiting {
			note = strings.ToLower(note)
		}
		if err := os.WriteFile(args[0], append(notes, note...), 0o600); err != nil {
			return err
		}
		lock.release()
	}
	return nil
}

// TestFairLockStopped: acquire gives up waiting for a stopped process, and leaves no descriptor behind once that goes on.
func TestFairLockStopped(t *testing.T) {
	lock := newLock(t)
	holder := proctest.Start(t, "hold", lock.database)
	holder.Line()
	holder.Signal(syscall.SIGSTOP)
	for range 3 {
		if lock.acquired(t) {
			t.Fatal("the lock was free")
		}
	}
	lock.close()
	if n := lockDescriptors(t, lock); n != 3 {
		t.Errorf("%d descriptors are left with calls that wait, want 3", n)
	}
	holder.Signal(syscall.SIGCONT)
	silent(t, holder.Stop())
	proctest.Eventually(t, "no descriptor is left", func() bool { return lockDescriptors(t, lock) == 0 })
	check(t, lock.acquire(t.Context()))
	if lock.again(t).acquired(t) {
		t.Error("two hold the lock")
	}
}

func lockDescriptors(t *testing.T, lock *fairLock) int {
	t.Helper()
	return strings.Count(descriptors(t), lock.path)
}

// holdChild holds the lock until it is stopped.
func holdChild(args []string) error {
	lock := newFairLock(args[0])
	if err := lock.acquire(context.Background()); err != nil {
		return err
	}
	fmt.Println("held")
	return proctest.UntilStopped()
}

// TestFairLockRemoved: there is one lock again soon after its file was removed or replaced.
func TestFairLockRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	} {
		a := newLock(t)
		b := a.again(t)
		check(t, a.acquire(t.Context()))
		check(t, remove(a.path))
		check(t, b.acquire(t.Context())) // until a looks again, only SQLite's lock keeps them apart
		a.release()
		if a.acquired(t) {
			t.Errorf("%s: two hold the lock", name)
		}
		b.release()
		check(t, a.acquire(t.Context()))
		if b.acquired(t) {
			t.Errorf("%s: two hold the lock", name)
		}
	}
}

// TestFairLockFile: the lock file has the owner of the database, and nothing else is taken for one.
func TestFairLockFile(t *testing.T) {
	lock := newLock(t)
	check(t, os.Chmod(lock.database, 0o464))
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
		check(t, os.Chown(lock.database, owner, owner))
	}
	old := unix.Umask(0o77)
	err := lock.acquire(t.Context())
	unix.Umask(old)
	check(t, err)
	info, err := os.Stat(lock.path)
	check(t, err)
	if stat := info.Sys().(*syscall.Stat_t); info.Mode() != 0o664 || int(stat.Uid) != owner {
		t.Errorf("the lock is %v of %d, want that of the database, 0464 of %d, and for its owner to write", info.Mode(), stat.Uid, owner)
	}
	for _, obstacle := range map[string]func(path string) error{
		"a symlink":   func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		lock := newLock(t)
		check(t, obstacle(lock.path))
		wantErr(t, lock.acquire(t.Context()), ErrUnavailable, "open "+lock.path)
	}
}
