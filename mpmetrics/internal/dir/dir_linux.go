// Package dir opens metrics directories, holds ids in them, wipes and sweeps them. It handles the names of files and the
// library's own subdirectory, but does not interpret metric files.
package dir

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// Modes of new files and directories, less the umask, which decides who else may read them. Others may never write: the bytes
// they write would be taken for metrics.
const (
	fileMode = 0o644
	dirMode  = 0o755
)

// Own is the subdirectory for everything that is not of prometheus_client's format. No other reader sees it.
const Own = ".mpm"

// Dir is an open directory. Everything in it is reached through the descriptor, never again by path, so that renaming or
// replacing the directory cannot lead anywhere else.
type Dir struct {
	fd   int
	path string // for messages
}

// Open opens a directory for reading.
func Open(path string) (Dir, error) { return open(path, 0) }

func open(path string, flags int) (Dir, error) {
	var fd int
	err := osfile.Retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
		return err
	})
	if err != nil {
		return Dir{}, &fs.PathError{Op: "open metrics directory", Path: path, Err: err}
	}
	return Dir{fd, path}, nil
}

// Close closes the directory and gives up the lock on it.
func (d *Dir) Close() error {
	if d.fd < 0 {
		return fmt.Errorf("close metrics directory %s: %w", d.path, os.ErrClosed)
	}
	err := unix.Close(d.fd)
	d.fd = -1
	if err != nil {
		return &fs.PathError{Op: "close", Path: d.path, Err: err}
	}
	return nil
}

// Path returns the path by which the directory was opened.
func (d Dir) Path() string { return d.path }

// Join returns the path of a file in the directory, for messages.
func (d Dir) Join(name string) string { return filepath.Join(d.path, name) }

// OpenFile opens a file without following a symbolic link and without waiting for the other end of a FIFO. A file that it
// creates can be read by others, as umask allows.
func (d Dir) OpenFile(name string, flags int) (int, error) {
	fd, err := osfile.OpenAt(d.fd, name, flags, fileMode)
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		failed.Path = d.Join(name)
	}
	return fd, err
}

// openOwn opens the subdirectory Own, which must be a directory.
func (d Dir) openOwn() (Dir, error) {
	fd, err := d.OpenFile(Own, unix.O_RDONLY|unix.O_DIRECTORY)
	return Dir{fd, d.Join(Own)}, err
}

// makeOwn makes the subdirectory Own. Anything in its place that is not a directory is moved aside.
func (d Dir) makeOwn() error {
	if st, err := d.Stat(Own); err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		if err := d.moveAside(Own, Own+asideSuffix); err != nil {
			return err
		}
	}
	if err := unix.Mkdirat(d.fd, Own, dirMode); err != nil && !errors.Is(err, unix.EEXIST) {
		return &fs.PathError{Op: "mkdir", Path: d.Join(Own), Err: err}
	}
	st, err := d.Stat(Own)
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("%s is not a directory of this user", d.Join(Own))
	}
	return nil
}

// asideSuffix is appended to the names of files that are moved aside.
const asideSuffix = ".damaged"

// SetAside moves a file of any type into the subdirectory Own, where no reader sees it. It replaces one that was moved there
// before, but never a directory that is not empty.
func (d Dir) SetAside(name string) error {
	return d.moveAside(name, filepath.Join(Own, filepath.Base(name)+asideSuffix))
}

// maxAside bounds the number of directories that are kept aside for a name.
const maxAside = 10

func (d Dir) moveAside(name, aside string) error {
	err := d.Rename(name, aside)
	for i := 1; i < maxAside && (errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ENOTEMPTY)); i++ {
		err = d.Rename(name, fmt.Sprintf("%s.%d", aside, i))
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// IsAtPath reports whether the directory is still the one at its path.
func (d Dir) IsAtPath() bool {
	id, err := osfile.IdentifyFD(d.fd)
	return err == nil && id.IsAt(d.path)
}

// Unlink removes a file.
func (d Dir) Unlink(name string) error { return d.unlink(name, 0) }

func (d Dir) unlink(name string, flags int) error {
	if err := unix.Unlinkat(d.fd, name, flags); err != nil {
		return &fs.PathError{Op: "remove", Path: d.Join(name), Err: err}
	}
	return nil
}

// Rename gives a file another name and replaces the file that had it.
func (d Dir) Rename(from, to string) error {
	return d.linkError(from, to, unix.Renameat(d.fd, from, d.fd, to))
}

// RenameNew gives a file another name, which must be free. A file system that cannot do so in one step takes two, between
// which the file has both names.
func (d Dir) RenameNew(from, to string) error {
	err := unix.Renameat2(d.fd, from, d.fd, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if err = unix.Linkat(d.fd, from, d.fd, to, 0); err == nil {
			return d.Unlink(from)
		}
	}
	return d.linkError(from, to, err)
}

func (d Dir) linkError(from, to string, err error) error {
	if err == nil {
		return nil
	}
	return &os.LinkError{Op: "rename", Old: d.Join(from), New: d.Join(to), Err: err}
}

// Stat does not follow a symbolic link.
func (d Dir) Stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return st, &fs.PathError{Op: "stat", Path: d.Join(name), Err: err}
	}
	return st, nil
}

// StatSelf returns the state of the directory itself.
func (d Dir) StatSelf() (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return st, &fs.PathError{Op: "stat", Path: d.path, Err: err}
	}
	return st, nil
}

// List calls visit for each entry but . and .., in no order. The name is only valid during the call; the type is one of
// unix.DT_*. buf is the memory for listing; its size determines the number of system calls.
func (d Dir) List(buf []byte, visit func(name []byte, inode uint64, typ uint8)) error {
	if _, err := unix.Seek(d.fd, 0, unix.SEEK_SET); err != nil {
		return &fs.PathError{Op: "list", Path: d.path, Err: err}
	}
	for {
		n, err := unix.Getdents(d.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &fs.PathError{Op: "list", Path: d.path, Err: err}
		}
		if n == 0 {
			return nil
		}
		// struct linux_dirent64: u64 inode, s64 offset, u16 length of it all, u8 type, name and a 0.
		for b := buf[:n]; len(b) > 0; {
			entry := b[:binary.NativeEndian.Uint16(b[16:])]
			b = b[len(entry):]
			name := entry[19:]
			name = name[:bytes.IndexByte(name, 0)]
			if string(name) != "." && string(name) != ".." {
				visit(name, binary.NativeEndian.Uint64(entry), entry[18])
			}
		}
	}
}

// names returns the names in the directory for which want returns true.
func (d Dir) names(want func(name string) bool) ([]string, error) {
	var names []string
	err := d.List(make([]byte, 1<<16), func(name []byte, _ uint64, _ uint8) {
		if s := string(name); want(s) {
			names = append(names, s)
		}
	})
	return names, err
}
