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

// again returns another process's lock of the same database, as it were.
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

// TestFairLockTurns has processes take the lock as often as they can. No one has it while another has, nor again while
// others wait.
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
		t.Fatalf("%d turns were noted, want %d: some had the lock together", len(notes), processes*turns)
	}
	order, waited := bytes.ToUpper(notes), 0
	for i, who := range notes[:len(notes)-1] {
		if who == order[i] {
			continue
		}
		waited++
		if order[i+1] == order[i] {
			t.Errorf("turn %d: the next was the same one's, though another waited", i)
		}
	}
	if waited < turns/2 {
		t.Errorf("others waited at %d of %d turns, want more to see anything", waited, len(notes))
	}
}

// turnsChild notes each of its turns at the end of the file, in a way that goes wrong if another does so at the time: in
// lower case where another waits in the gate.
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

// TestFairLockStopped gives up waiting for a process that is stopped in the lock, and leaves nothing behind.
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
		t.Error("two have the lock")
	}
}

func lockDescriptors(t *testing.T, lock *fairLock) int {
	t.Helper()
	return strings.Count(descriptors(t), lock.path)
}

// holdChild holds the lock until it is told to stop.
func holdChild(args []string) error {
	lock := newFairLock(args[0])
	if err := lock.acquire(context.Background()); err != nil {
		return err
	}
	fmt.Println("held")
	return proctest.UntilStopped()
}

// TestFairLockKilled takes the lock of a process that is no more.
func TestFairLockKilled(t *testing.T) {
	lock := newLock(t)
	holder := proctest.Start(t, "hold", lock.database)
	holder.Line()
	if lock.acquired(t) {
		t.Fatal("the lock was free")
	}
	holder.Kill()
	check(t, lock.acquire(t.Context()))
}

// TestFairLockRemoved comes back to one lock after its file was removed or replaced.
func TestFairLockRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	} {
		a := newLock(t)
		b := a.again(t)
		check(t, a.acquire(t.Context()))
		check(t, remove(a.path))
		check(t, b.acquire(t.Context())) // the other way round, SQLite's lock is all there is
		a.release()
		if a.acquired(t) {
			t.Errorf("%s: two have the lock", name)
		}
		b.release()
		check(t, a.acquire(t.Context()))
		if b.acquired(t) {
			t.Errorf("%s: two have the lock", name)
		}
	}
}

// TestFairLockFile looks at whose the lock file is, and refuses others.
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
