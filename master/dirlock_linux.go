package master

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockPatience bounds how long somebody else's lock on a directory is waited for. Masters hold it for a moment; a program
// that locks a directory for its life (as a metrics directory is) must not hold this one up for as long.
const lockPatience = time.Second

// lockDir locks a directory until it is closed.
func lockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(5 * time.Millisecond) {
		err := unix.Flock(int(rawFD(dir)), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case err == nil:
			return dir, nil
		case !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR):
			return nil, errors.Join(&os.PathError{Op: "lock", Path: path, Err: err}, dir.Close())
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("lock %s: a process has held it for %v", path, lockPatience), dir.Close())
		}
	}
}
