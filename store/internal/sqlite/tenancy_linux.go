package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// tenancy records which file the processes share that have a path open. If a backup was moved over an open database, SQLite
// would take the log of the old file for that of the new one, and the last process to close the old file would remove a log
// with commits to the new one.
//
// Each process holds a shared lock on a byte of the lock file, whose text identifies the file. The first process, which no other
// shares the lock with, may have any file, unless the log of another one was left by a process that was killed. A nil
// tenancy is none.
type tenancy struct{ fd int }

var errReplaced = errors.New("other processes still have another file open that was at this path: stop them, then try again")

// enter fails with ErrUnavailable if other processes have another file open. Without create it makes no lock file: where there
// is none, no process has the database open, and the tenancy is nil. So it is if the process has no right to write the lock
// file, or no room on the disk: it can still read.
func enter(ctx context.Context, f file, create bool) (*tenancy, error) {
	fd, err := openLockFile(f.path, create)
	if err == nil {
		if err = share(ctx, fd, f); err == nil {
			return &tenancy{fd}, nil
		}
		_ = unix.Close(fd)
	}
	for _, harmless := range []error{unix.EACCES, unix.EPERM, unix.EROFS, unix.ENOSPC, unix.EDQUOT} {
		if errors.Is(err, harmless) {
			return nil, nil //nolint:nilnil // see tenancy
		}
	}
	if !create && errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // see tenancy
	}
	return nil, fmt.Errorf("%w: %s.lock: %w", ErrUnavailable, f.path, err)
}

// share takes the shared lock. It polls: the first process holds the lock alone while it writes the text, and may be stopped
// meanwhile.
func share(ctx context.Context, fd int, f file) error {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for refused := 0; ; {
		shared, err := tryShare(fd, f)
		if errors.Is(err, errReplaced) && refused < 2 { // the others may be about to close their file
			refused++
			err = nil
		}
		if shared || err != nil {
			return err
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return errors.New("another process was stopped while it opened the database")
		}
	}
}

func tryShare(fd int, f file) (bool, error) {
	text := fmt.Sprintf("%20d %20d\n", f.id.Device, f.id.Inode) // of constant length: an update needs no room on the disk
	first, err := osfile.TryLock(fd, tenancyByte, osfile.Exclusive)
	if err != nil {
		return false, err
	}
	if !first {
		if shared, err := osfile.TryLock(fd, tenancyByte, osfile.Shared); err != nil || !shared {
			return false, err
		}
	}
	read := make([]byte, len(text))
	n, err := unix.Pread(fd, read, 0)
	if err != nil {
		return false, err
	}
	switch was := string(read[:n]); {
	case was == text:
	case !first:
		return false, errors.Join(errReplaced, osfile.Unlock(fd, tenancyByte))
	case was != "" && size(f.path+"-wal") > 0:
		return false, fmt.Errorf("%s-wal belongs to another file that was here before: put that back, or remove the -wal "+
			"(or, if both were copied from elsewhere, this file)", f.path)
	default:
		if _, err := unix.Pwrite(fd, []byte(text), 0); err != nil {
			return false, err
		}
	}
	return osfile.TryLock(fd, tenancyByte, osfile.Shared)
}

// occupied reports whether a process has the database open that is, or was, at a path.
func occupied(path string) bool {
	fd, err := openLockFile(path, false)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	locked, err := osfile.IsLocked(fd, tenancyByte)
	return err == nil && locked
}

// leave ends the tenancy. It may be called again, but not concurrently.
func (t *tenancy) leave() {
	if t != nil && t.fd >= 0 {
		_ = unix.Close(t.fd) // the kernel drops the lock
		t.fd = -1
	}
}
