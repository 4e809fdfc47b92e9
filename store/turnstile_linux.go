package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"golang.org/x/sys/unix"
)

// turnstile lets processes write in turn. A process that has the lock and wants it again comes after those that wait: to
// wait for the lock one must stand in the gate, and there is room for one.
//
// The locks are those of open file descriptions, which the kernel drops when the process is gone, however it went. They
// keep order and nothing else: where somebody removes the file and two processes have locks on two files, SQLite's own
// lock still lets only one of them write.
type turnstile struct {
	database string
	path     string // of the lock file, which is made when it is needed
	fd       int    // -1: none. The runtime does not know it: it would make it wait in its own way
	file     file
}

// Bytes of the lock file that stand for the two locks.
const (
	gate = 0
	lock = 1
)

func newTurnstile(database string) *turnstile {
	return &turnstile{database: database, path: database + ".lock", fd: -1}
}

func (t *turnstile) close() {
	if t.fd >= 0 {
		_ = unix.Close(t.fd) // nothing was written
		t.fd = -1
	}
}

// acquire waits for the lock, until ctx is done. It is not for concurrent use.
func (t *turnstile) acquire(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := t.open(); err != nil {
			return err
		}
		if err := t.pass(ctx); err != nil {
			return err
		}
		if t.file.check() == nil {
			return nil
		}
		t.close() // somebody removed the lock file: the lock is on another one by now
	}
	return ctx.Err()
}

// release lets the next one write.
func (t *turnstile) release() {
	_ = setLock(t.fd, lock, unix.F_UNLCK, unix.F_OFD_SETLK) // it is held
}

// pass goes through the gate to the lock. The kernel is first asked without waiting: that costs the runtime nothing, while
// a call that waits holds other goroutines up until the runtime finds out.
func (t *turnstile) pass(ctx context.Context) error {
	inGate, err := tryLock(t.fd, gate)
	if err != nil {
		return t.failed(err)
	}
	if inGate {
		locked, err := tryLock(t.fd, lock)
		if err != nil {
			return t.failed(err)
		}
		if locked {
			return t.failed(leaveGate(t.fd))
		}
	}
	fd, passed := t.fd, make(chan error)
	go func() {
		err := wait(fd, inGate)
		select {
		case passed <- err:
		case <-ctx.Done():
			_ = unix.Close(fd) // with the locks
		}
	}()
	select {
	case err := <-passed:
		return t.failed(err)
	case <-ctx.Done():
		t.fd = -1 // nothing can be told to a call that waits: it is left behind, with the descriptor
		return ctx.Err()
	}
}

// failed closes the file after an error, and so gives up what was locked.
func (t *turnstile) failed(err error) error {
	if err == nil {
		return nil
	}
	t.close()
	return fmt.Errorf("%w: %w", ErrUnavailable, &fs.PathError{Op: "lock", Path: t.path, Err: err})
}

func wait(fd int, inGate bool) error {
	if !inGate {
		if err := setLock(fd, gate, unix.F_WRLCK, unix.F_OFD_SETLKW); err != nil {
			return err
		}
	}
	if err := setLock(fd, lock, unix.F_WRLCK, unix.F_OFD_SETLKW); err != nil {
		return err
	}
	return leaveGate(fd)
}

func leaveGate(fd int) error { return setLock(fd, gate, unix.F_UNLCK, unix.F_OFD_SETLK) }

// tryLock takes a lock and reports whether it was free.
func tryLock(fd int, which int64) (bool, error) {
	err := setLock(fd, which, unix.F_WRLCK, unix.F_OFD_SETLK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

func setLock(fd int, which int64, kind int16, command int) error {
	for {
		err := unix.FcntlFlock(uintptr(fd), command, &unix.Flock_t{Type: kind, Whence: io.SeekStart, Start: which, Len: 1})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (t *turnstile) open() error {
	if t.fd >= 0 {
		return nil
	}
	fd, err := openLock(t.database, t.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, &fs.PathError{Op: "open lock", Path: t.path, Err: err})
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("%w: %w", ErrUnavailable, &fs.PathError{Op: "stat", Path: t.path, Err: err})
	}
	t.fd, t.file = fd, file{t.path, stat.Dev, stat.Ino}
	return nil
}

// openLock opens the lock file of a database, or makes it: with the mode and, as far as this process may give files away,
// the owner of the database, as SQLite does with its own files.
func openLock(database, path string) (int, error) {
	var stat unix.Stat_t
	if err := unix.Stat(database, &stat); err != nil {
		return -1, err
	}
	mode := stat.Mode&0o777 | 0o600
	fd, err := unix.Open(path, lockFlags|unix.O_CREAT|unix.O_EXCL, mode)
	if errors.Is(err, unix.EEXIST) {
		return openLockIfAny(path)
	}
	if err == nil {
		_ = unix.Fchown(fd, int(stat.Uid), int(stat.Gid))
		_ = unix.Fchmod(fd, mode) // the umask may have taken from it
	}
	return fd, err
}

const lockFlags = unix.O_RDWR | unix.O_CLOEXEC | unix.O_NOFOLLOW

func openLockIfAny(path string) (int, error) { return unix.Open(path, lockFlags, 0) }
