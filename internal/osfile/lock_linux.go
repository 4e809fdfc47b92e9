package osfile

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// LockType is the type of a lock on a byte.
type LockType int16

// Lock types.
const (
	Shared    LockType = unix.F_RDLCK // needs a descriptor open for reading
	Exclusive LockType = unix.F_WRLCK // needs a descriptor open for writing
)

// The locks below are open file description locks on single bytes, which need not exist in the file. The kernel drops
// them when the last descriptor of the open file is closed, however the process ends, and they mean the same in every pid
// namespace. Locking a byte again through the same open file changes the type of the lock.

// TryLock locks a byte of a file and reports whether it could. It does not wait.
func TryLock(fd int, at int64, typ LockType) (bool, error) {
	err := setLock(fd, at, int16(typ), unix.F_OFD_SETLK)
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// Lock waits until it has locked a byte of a file. The wait cannot be cancelled and occupies a thread.
func Lock(fd int, at int64, typ LockType) error {
	return setLock(fd, at, int16(typ), unix.F_OFD_SETLKW)
}

// Unlock gives up the lock on a byte, if there is one.
func Unlock(fd int, at int64) error { return setLock(fd, at, unix.F_UNLCK, unix.F_OFD_SETLK) }

// IsLocked reports whether another open file holds a lock of any type on a byte. It takes no lock, and works with a
// descriptor open for reading.
func IsLocked(fd int, at int64) (bool, error) {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: at, Len: 1}
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock)
	return err == nil && lock.Type != unix.F_UNLCK, err
}

func setLock(fd int, at int64, typ int16, command int) error {
	lock := unix.Flock_t{Type: typ, Whence: io.SeekStart, Start: at, Len: 1}
	return Retry(func() error { return unix.FcntlFlock(uintptr(fd), command, &lock) })
}

// TryFlock locks a whole file or directory exclusively with flock(2) and reports whether it could. It does not wait. Any
// descriptor will do, which is why directories are locked so; these locks and those on bytes ignore each other. The lock
// ends when the last descriptor of the open file is closed.
func TryFlock(fd int) (bool, error) {
	err := Retry(func() error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
