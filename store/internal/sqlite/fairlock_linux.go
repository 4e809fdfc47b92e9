package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// fairLock lets processes write in turn. A process that releases the lock and wants it again comes after those that wait: a
// process waits for the lock in the gate, which admits one.
//
// The locks only keep order. If the lock file is removed and two processes hold locks on two files, SQLite's own lock still
// lets only one of them write.
type fairLock struct {
	database string
	path     string // of the lock file, which is created when it is needed
	fd       int    // -1: none
	file     file
}

// Bytes of the lock file.
const (
	gateByte    = 0
	lockByte    = 1
	tenancyByte = 2
)

func newFairLock(database string) *fairLock {
	return &fairLock{database: database, path: database + ".lock", fd: -1}
}

func (l *fairLock) close() {
	if l.fd >= 0 {
		_ = unix.Close(l.fd) // nothing was written
		l.fd = -1
	}
}

// acquire waits for the lock until ctx is done. It is not for concurrent use.
func (l *fairLock) acquire(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := l.open(); err != nil {
			return err
		}
		if err := l.pass(ctx); err != nil {
			return err
		}
		if l.file.check() == nil {
			return nil
		}
		l.close() // the lock file was removed: other processes lock another one by now
	}
	return ctx.Err()
}

// release lets the next process write.
func (l *fairLock) release() {
	_ = osfile.Unlock(l.fd, lockByte) // it is held
}

// pass goes through the gate to the lock. It first tries without waiting: a system call that waits holds up other goroutines
// until the runtime notices.
func (l *fairLock) pass(ctx context.Context) error {
	inGate, err := osfile.TryLock(l.fd, gateByte, osfile.Exclusive)
	if err != nil {
		return l.failed(err)
	}
	if inGate {
		locked, err := osfile.TryLock(l.fd, lockByte, osfile.Exclusive)
		if err != nil {
			return l.failed(err)
		}
		if locked {
			return l.failed(osfile.Unlock(l.fd, gateByte))
		}
	}
	fd, passed := l.fd, make(chan error)
	go func() {
		err := waitFor(fd, inGate)
		select {
		case passed <- err:
		case <-ctx.Done():
			_ = unix.Close(fd) // with the locks
		}
	}()
	select {
	case err := <-passed:
		return l.failed(err)
	case <-ctx.Done():
		l.fd = -1 // the wait cannot be cancelled: its goroutine closes the descriptor later
		return ctx.Err()
	}
}

// failed closes the file after an error, and so releases what was locked.
func (l *fairLock) failed(err error) error {
	if err == nil {
		return nil
	}
	l.close()
	return fmt.Errorf("%w: %w", ErrUnavailable, &fs.PathError{Op: "lock", Path: l.path, Err: err})
}

func waitFor(fd int, inGate bool) error {
	if !inGate {
		if err := osfile.Lock(fd, gateByte, osfile.Exclusive); err != nil {
			return err
		}
	}
	if err := osfile.Lock(fd, lockByte, osfile.Exclusive); err != nil {
		return err
	}
	return osfile.Unlock(fd, gateByte)
}

func (l *fairLock) open() error {
	if l.fd >= 0 {
		return nil
	}
	fd, err := openLockFile(l.database, true)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	id, err := osfile.IdentifyFD(fd)
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("%w: %w", ErrUnavailable, &fs.PathError{Op: "stat", Path: l.path, Err: err})
	}
	l.fd, l.file = fd, file{l.path, id}
	return nil
}

// openLockFile opens the lock file of a database, and creates it if create is set: with the mode and, as far as this process
// has the right, the owner of the database, as SQLite does with its own files.
func openLockFile(database string, create bool) (int, error) {
	path := database + ".lock"
	if !create {
		return osfile.Open(path, unix.O_RDWR, 0)
	}
	var stat unix.Stat_t
	if err := unix.Stat(database, &stat); err != nil {
		return -1, &fs.PathError{Op: "stat", Path: database, Err: err}
	}
	mode := stat.Mode&0o777 | 0o600
	fd, err := osfile.Open(path, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL, mode)
	if errors.Is(err, unix.EEXIST) {
		return openLockFile(database, false)
	}
	if err == nil {
		_ = unix.Fchown(fd, int(stat.Uid), int(stat.Gid))
		_ = unix.Fchmod(fd, mode) // the umask may have reduced it
	}
	return fd, err
}
