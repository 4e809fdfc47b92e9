package store

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
)

// newTurn is a turnstile of a database that is only a name.
func newTurn(t *testing.T) *turnstile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.db")
	check(t, os.WriteFile(path, nil, 0o600))
	turn := newTurnstile(path)
	t.Cleanup(turn.close)
	return turn
}

// again is another one's turnstile of the same database.
func (t *turnstile) again(tb testing.TB) *turnstile {
	tb.Helper()
	turn := newTurnstile(t.database)
	tb.Cleanup(turn.close)
	return turn
}

// acquired tries for a moment.
func (t *turnstile) acquired(tb testing.TB) bool {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), 20*time.Millisecond)
	defer cancel()
	err := t.acquire(ctx)
	if err != nil {
		wantErr(tb, err, context.DeadlineExceeded, "")
	}
	return err == nil
}

// TestTurnstileTurns has processes take the lock as often as they can. No one has it while another has, nor again while
// others wait.
func TestTurnstileTurns(t *testing.T) {
	turn := newTurn(t)
	const processes, turns = 4, 500
	check(t, turn.acquire(t.Context()))
	var all []*child
	for i := range processes {
		c := startChild(t, "turns", turn.database, string(rune('A'+i)), strconv.Itoa(turns))
		c.line(t)
		all = append(all, c)
	}
	turn.release()
	for _, c := range all {
		c.stop(t, func(line string) { t.Error(line) })
	}
	notes, err := os.ReadFile(turn.database)
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
	turn := newTurnstile(args[0])
	defer turn.close()
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for range n {
		if err := turn.acquire(context.Background()); err != nil {
			return err
		}
		notes, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		note, another := args[1], unix.Flock_t{Type: unix.F_WRLCK, Start: gate, Len: 1}
		if err := unix.FcntlFlock(uintptr(turn.fd), unix.F_OFD_GETLK, &another); err != nil {
			return err
		}
		if another.Type != unix.F_UNLCK {
			note = strings.ToLower(note)
		}
		if err := os.WriteFile(args[0], append(notes, note...), 0o600); err != nil {
			return err
		}
		turn.release()
	}
	return nil
}

// TestTurnstileStopped gives up waiting for a process that is stopped in the lock, and leaves nothing behind.
func TestTurnstileStopped(t *testing.T) {
	turn := newTurn(t)
	holder := startChild(t, "hold", turn.database)
	holder.line(t)
	holder.signal(t, syscall.SIGSTOP)
	for range 3 {
		if turn.acquired(t) {
			t.Fatal("the lock was free")
		}
	}
	turn.close()
	if n := lockDescriptors(t, turn); n != 3 {
		t.Errorf("%d descriptors are left with calls that wait, want 3", n)
	}
	holder.signal(t, syscall.SIGCONT)
	holder.stop(t, func(line string) { t.Error(line) })
	until(t, "no descriptor is left", func() bool { return lockDescriptors(t, turn) == 0 })
	check(t, turn.acquire(t.Context()))
	if turn.again(t).acquired(t) {
		t.Error("two have the lock")
	}
}

func lockDescriptors(t *testing.T, turn *turnstile) int {
	t.Helper()
	return strings.Count(descriptors(t), turn.path)
}

// holdChild holds the lock until it is told to stop.
func holdChild(args []string) error {
	turn := newTurnstile(args[0])
	if err := turn.acquire(context.Background()); err != nil {
		return err
	}
	fmt.Println("held")
	return untilTold()
}

// TestTurnstileKilled takes the lock of a process that is no more.
func TestTurnstileKilled(t *testing.T) {
	turn := newTurn(t)
	holder := startChild(t, "hold", turn.database)
	holder.line(t)
	if turn.acquired(t) {
		t.Fatal("the lock was free")
	}
	holder.kill(t, func(string) {})
	check(t, turn.acquire(t.Context()))
}

// TestTurnstileRemoved comes back to one lock after its file was removed or replaced.
func TestTurnstileRemoved(t *testing.T) {
	for name, remove := range map[string]func(path string) error{
		"removed":  os.Remove,
		"replaced": func(path string) error { return os.Rename(path, path+".old") },
	} {
		a := newTurn(t)
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

// TestTurnstileFile looks at whose the lock file is, and refuses others.
func TestTurnstileFile(t *testing.T) {
	turn := newTurn(t)
	check(t, os.Chmod(turn.database, 0o464))
	owner := os.Getuid()
	if owner == 0 {
		owner = 65534
		check(t, os.Chown(turn.database, owner, owner))
	}
	old := unix.Umask(0o77)
	err := turn.acquire(t.Context())
	unix.Umask(old)
	check(t, err)
	info, err := os.Stat(turn.path)
	check(t, err)
	if stat := info.Sys().(*syscall.Stat_t); info.Mode() != 0o664 || int(stat.Uid) != owner {
		t.Errorf("the lock is %v of %d, want that of the database, 0464 of %d, and for its owner to write", info.Mode(), stat.Uid, owner)
	}
	for _, obstacle := range map[string]func(path string) error{
		"a symlink":   func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		turn := newTurn(t)
		check(t, obstacle(turn.path))
		wantErr(t, turn.acquire(t.Context()), ErrUnavailable, "open lock "+turn.path)
	}
}
