package mpmetrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// identity is the right to write metrics under an id, held by a lock for the process's life.
type identity struct {
	dir  dirfd
	id   string
	lock int // descriptor of .mpm/<id>.lock
}

// takeTries bounds how often to begin anew because the directory is wiped at that moment. One that was removed
// altogether looks the same.
const takeTries = 100

// sweepPatience is how long to wait for a sweeper, who needs no more than a moment.
const sweepPatience = 5 * time.Second

// holder is what the lock file says of the process that holds it, for people: one line of JSON.
type holder struct {
	PID        int       `json:"pid"`
	Slot       int       `json:"slot"`
	Generation int       `json:"generation"`
	Start      time.Time `json:"start"`
	Program    string    `json:"program"`
	// PIDNamespace is the one that the pid is of, by its inode; 0: not known.
	PIDNamespace uint64 `json:"pid_namespace"`
}

// takeIdentity fails with ErrHeld where a living process has the id. The live gauges of the last one who had it
// are removed: they would count again.
func takeIdentity(dir dirfd, id string, who holder) (identity, error) {
	if !format.ValidID(id) {
		return identity{}, fmt.Errorf("take metrics id %q: want letters, digits, dots and dashes", id)
	}
	fail := func(err error) (identity, error) {
		return identity{}, fmt.Errorf("take metrics id %s in %s: %w", id, dir.path, err)
	}
	var err error
	for range takeTries {
		if err = makeOwnDir(dir); errors.Is(err, fs.ErrNotExist) {
			continue // wiped in between
		} else if err != nil {
			return fail(err)
		}
		var fd int
		fd, err = dir.open(lockName(id), unix.O_RDWR|unix.O_CREAT, fileMode)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fail(err)
		}
		i := identity{dir, id, fd}
		var taken bool
		taken, err = i.take(who)
		if taken && err == nil {
			return i, nil
		}
		if err := errors.Join(err, unix.Close(fd)); err != nil {
			return fail(err)
		}
		err = errWiped // this is not the file that others see
	}
	return fail(err)
}

// makeOwnDir makes the library's subdirectory, and sees to it that nobody else has put something in its place.
func makeOwnDir(dir dirfd) error {
	if err := dir.mkdir(ownDir); err != nil {
		return err
	}
	st, err := dir.stat(ownDir)
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("%s is not a directory of this user", dir.join(ownDir))
	}
	return nil
}

// take reports false where the file is not, or no longer, the one at the path.
func (i identity) take(who holder) (taken bool, err error) {
	if err := waitLock(i.lock, sweepByte, sweepPatience); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, unlock(i.lock, sweepByte)) }()
	if !i.stands() {
		return false, nil
	}
	if err := i.own(); err != nil {
		return false, err
	}
	if alive, err := locked(i.lock); err != nil {
		return false, err
	} else if alive {
		return false, ErrHeld
	}
	// Before the lock is taken, with which they would count again.
	if err := removeLive(i.dir, i.id); err != nil {
		return false, err
	}
	if free, err := tryLock(i.lock, lifeByte); err != nil {
		return false, err
	} else if !free {
		return false, ErrHeld
	}
	line, err := json.Marshal(who)
	if err != nil {
		return false, err
	}
	line = append(line, '\n')
	if err := truncate(i.lock, int64(len(line))); err != nil {
		return false, err
	}
	if err := writeAt(i.lock, line, 0); err != nil && !errors.Is(err, unix.ENOSPC) {
		return false, err // on a full disk people go without; the lock holds
	}
	return true, nil
}

// own checks that the lock file is no other file by another name, whose content would be lost.
func (i identity) own() error {
	var st unix.Stat_t
	if err := unix.Fstat(i.lock, &st); err != nil {
		return err
	}
	if !regular(st) || int(st.Uid) != os.Geteuid() || st.Nlink != 1 {
		return fmt.Errorf("%s is not a file of this user with one name", i.dir.join(lockName(i.id)))
	}
	return nil
}

// stands reports whether the lock is still the one that others find at its path: it is not after a wipe.
func (i identity) stands() bool {
	var held unix.Stat_t
	found, err := i.dir.stat(lockName(i.id))
	return err == nil && unix.Fstat(i.lock, &held) == nil && held.Dev == found.Dev && held.Ino == found.Ino
}

func (i identity) release() error {
	return os.NewSyscallError("close", unix.Close(i.lock))
}
