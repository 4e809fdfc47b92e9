package store

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// file is a file that was at a path, whatever is there now. It holds no descriptor: closing one of a database, of whatever
// other descriptor, would drop the locks that SQLite has on it in this process.
type file struct {
	path     string
	dev, ino uint64
}

func identify(path string) (file, error) {
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil {
		return file{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return file{path, stat.Dev, stat.Ino}, nil
}

// check tells whether the file is still at its path. Else it is ErrUnavailable: SQLite would go on with a file that nobody
// finds, and what is written to it would be lost.
func (f file) check() error {
	now, err := identify(f.path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if now != f {
		return fmt.Errorf("%w: %s is another file than it was", ErrUnavailable, f.path)
	}
	return nil
}

// checkGone tells a database that is yet to be made from one that was taken away, or emptied, from those who have it open,
// or has left its log: SQLite removes the log of an empty database, and with it what was written last.
func checkGone(path string) error {
	if occupied(path) { // first: who has it open had made it before
		if _, err := identify(path); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: it is gone, but others have it open: put it back, or stop them", ErrUnavailable)
		}
	}
	size := func(path string) int64 {
		var stat unix.Stat_t
		if unix.Stat(path, &stat) != nil {
			return 0
		}
		return stat.Size
	}
	wal := path + "-wal"
	if size(wal) > 0 && size(path) == 0 { // in this order: whoever makes one writes to the database first
		return fmt.Errorf("%w: it is gone or empty, but %s has what was written to it: put it back, or remove that", ErrUnavailable, wal)
	}
	return nil
}

// createEmpty creates a file that nobody else may read, without opening it, unless there is one.
func createEmpty(path string) error {
	if err := unix.Mknod(path, unix.S_IFREG|0o600, 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return &fs.PathError{Op: "create", Path: path, Err: err}
	}
	return nil
}
