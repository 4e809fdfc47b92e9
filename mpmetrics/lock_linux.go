package mpmetrics

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// A process that writes metrics as id holds a write lock on the first byte of the file .mpm/<id>.lock for its
// life. It is an open file description lock, which the kernel drops when the process is gone, however it went,
// and which means the same in every pid namespace. Whoever wants to know asks; asking takes nothing.
//
// The second byte is held while an id is being taken or swept, so that a sweeper cannot remove what a process
// that takes the id at that moment has just made.
const (
	lifeByte  = 0
	sweepByte = 1
)

const lockSuffix = ".lock"

func lockName(id string) string { return ownDir + "/" + id + lockSuffix }

func flockOn(at int64) unix.Flock_t {
	return unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: at, Len: 1}
}

// tryLock takes the lock on one byte and reports whether it was free.
func tryLock(fd int, at int64) (bool, error) {
	lock := flockOn(at)
	err := again(func() error { return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock) })
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return false, nil
	}
	return err == nil, err
}

// waitLock takes the lock on one byte when it becomes free. It asks again and again, since a call that waits cannot be
// told when to stop, and a process that is stopped holds its locks.
func waitLock(fd int, at int64, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		free, err := tryLock(fd, at)
		if err != nil || free {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process has held its lock for %v", patience)
		}
	}
}

func unlock(fd int, at int64) error {
	lock := flockOn(at)
	lock.Type = unix.F_UNLCK
	return unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &lock)
}

// locked asks whether somebody holds the lock of an id for his life.
func locked(fd int) (bool, error) {
	lock := flockOn(lifeByte)
	err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_GETLK, &lock)
	return lock.Type != unix.F_UNLCK, err
}

// tryLockDir takes the lock on a whole directory, for as long as the descriptor is open, and reports whether it
// was free. It is a flock, since a record lock for writing needs a descriptor that can write.
func tryLockDir(d dirfd) (bool, error) {
	err := again(func() error { return unix.Flock(d.fd, unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}
