package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// tenancy is that a process has a database open. All that have one at a path at the same time must have the same file:
// where a backup was put in the place of a database in use, SQLite would take the -wal of the old one for that of the new
// one, and damage it.
//
// Each holds a lock with others on a byte of the lock file, which says in its text which file they have. Who finds that
// nobody holds it may have any file, and writes down which; but not where the last ones have left a -wal, as they do when
// they are killed, of another file. A nil tenancy is none.
type tenancy struct{ fd int }

// tenants is the byte of the lock file that all who have the database open hold a lock on. It comes after the turnstile's.
const tenants = 2

// errReplaced says that others have another file open than the one that is at the path now.
var errReplaced = errors.New("other processes have another file open than the one that is at this path now: stop them to replace it")

// enter fails with ErrUnavailable if others have another file open. Who may not write the lock file, or has no room on the
// disk to write into it, goes on without a tenancy: better to read unguarded than not at all.
func enter(ctx context.Context, f file) (*tenancy, error) {
	fd, err := openLock(f.path, f.path+".lock")
	return enterBy(ctx, fd, err, f)
}

// enterKnown is enter for who must not make a lock file: where there is none, nobody has the database open.
func enterKnown(ctx context.Context, f file) (*tenancy, error) {
	fd, err := openLockIfAny(f.path + ".lock")
	if errors.Is(err, unix.ENOENT) {
		return nil, nil //nolint:nilnil // see tenancy
	}
	return enterBy(ctx, fd, err, f)
}

func enterBy(ctx context.Context, fd int, err error, f file) (*tenancy, error) {
	t := &tenancy{fd}
	if err == nil {
		if err = t.settle(ctx, f); err == nil {
			return t, nil
		}
		t.leave()
	}
	for _, harmless := range []error{unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, harmless) {
			return nil, nil //nolint:nilnil // see enter
		}
	}
	return nil, fmt.Errorf("%w: %s.lock: %w", ErrUnavailable, f.path, err)
}

// settle takes the lock with those who have the same file. It asks again and again: the others may leave at any moment, and
// who was stopped while it wrote must not stop all that come.
func (t *tenancy) settle(ctx context.Context, f file) error {
	text := fmt.Sprintf("%20d %20d\n", f.dev, f.ino) // of one length: to write it anew needs no room on the disk
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	for refused := 0; ; {
		if first, err := tryLock(t.fd, tenants); err != nil {
			return err
		} else if first {
			return t.begin(f, text)
		}
		switch err := t.join(text); {
		case errors.Is(err, errReplaced):
			if refused++; refused == 3 {
				return err
			}
		case !errors.Is(err, unix.EAGAIN):
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return errors.New("somebody was stopped while it opened the database")
		}
	}
}

// begin is for the first, who has the lock alone: it writes down which file it has, and lets others in.
func (t *tenancy) begin(f file, text string) error {
	was, err := t.text(len(text))
	if err != nil {
		return err
	}
	if was != text {
		if was != "" && leftLog(f.path) {
			return fmt.Errorf("%s-wal is of another file that was here before: put that back, or remove the -wal "+
				"(or, where both were copied from elsewhere, this file)", f.path)
		}
		if _, err := unix.Pwrite(t.fd, []byte(text), 0); err != nil {
			return err
		}
	}
	return setLock(t.fd, tenants, unix.F_RDLCK, unix.F_OFD_SETLK)
}

// join is for those who come later. It is EAGAIN while the first one writes.
func (t *tenancy) join(text string) error {
	if err := setLock(t.fd, tenants, unix.F_RDLCK, unix.F_OFD_SETLK); err != nil {
		return err
	}
	is, err := t.text(len(text))
	if err == nil && is != text {
		err = errReplaced
	}
	if err != nil {
		_ = setLock(t.fd, tenants, unix.F_UNLCK, unix.F_OFD_SETLK) // or it goes with the file
	}
	return err
}

// text is what the lock file begins with, of that length if it is as long.
func (t *tenancy) text(length int) (string, error) {
	text := make([]byte, length)
	n, err := unix.Pread(t.fd, text, 0)
	if err != nil {
		return "", err
	}
	return string(text[:n]), nil
}

// leftLog reports whether there is a log of writes that are not in the database.
func leftLog(path string) bool {
	var stat unix.Stat_t
	return unix.Stat(path+"-wal", &stat) == nil && stat.Size > 0
}

// occupied reports whether anybody has the database open that is, or was, at a path.
func occupied(path string) bool {
	fd, err := openLockIfAny(path + ".lock")
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	held := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: tenants, Len: 1}
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &held) == nil && held.Type != unix.F_UNLCK
}

// leave gives the tenancy up. It may be called again, but not concurrently.
func (t *tenancy) leave() {
	if t != nil && t.fd >= 0 {
		_ = unix.Close(t.fd) // the kernel drops the lock
		t.fd = -1
	}
}
