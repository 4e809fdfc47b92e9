package sqlite

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// file is a file that was at a path, whatever is there now. It holds no descriptor: closing one of a database would drop the
// locks that SQLite holds on it in this process.
type file struct {
	path string
	id   osfile.ID
}

func identify(path string) (file, error) {
	id, err := osfile.Identify(path)
	return file{path, id}, err
}

// check fails with ErrUnavailable unless the file is still at its path. SQLite would go on with a file that no other process
// finds, and lose what is written to it.
func (f file) check() error {
	now, err := osfile.Identify(f.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if now != f.id {
		return fmt.Errorf("%w: another file is at %s now", ErrUnavailable, f.path)
	}
	return nil
}

// checkGone fails with ErrUnavailable if a database was removed or emptied while processes have it open, or after the last one
// has left its log: SQLite removes the log of an empty database, and with it the latest commits. It takes no database for
// removed that another process is creating.
func checkGone(path string) error {
	if occupied(path) { // in this order: a process that has it open has created it before
		if _, err := identify(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: it was removed while other processes have it open: put it back, or stop them", ErrUnavailable)
		}
	}
	wal := path + "-wal"
	if size(wal) > 0 && size(path) == 0 { // in this order: a new database is written to before its log
		return fmt.Errorf("%w: it is missing or empty, but %s has changes that belong to it: put it back, or remove that", ErrUnavailable, wal)
	}
	return nil
}

// size returns the size of a file in bytes, or 0 if there is none.
func size(path string) int64 {
	var stat unix.Stat_t
	if unix.Stat(path, &stat) != nil {
		return 0
	}
	return stat.Size
}

// createEmpty creates a file that only its owner can read, without opening it, unless there is one.
func createEmpty(path string) error {
	if err := unix.Mknod(path, unix.S_IFREG|0o600, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	return nil
}
