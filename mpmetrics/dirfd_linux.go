package mpmetrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Modes of what is made, less the umask, which says who else may read it. Others never may write: what they put there would
// be taken for metrics.
const (
	fileMode = 0o644
	dirMode  = 0o755
)

// dirfd is an open directory. Everything inside is reached through the descriptor, never again by path, so that
// a directory that is renamed or replaced meanwhile cannot lead anywhere else.
type dirfd struct {
	fd   int
	path string // for messages
}

// openDir opens a directory. The flags are added to those that this takes.
func openDir(path string, flags int) (dirfd, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
		return err
	})
	if err != nil {
		return dirfd{}, &os.PathError{Op: "open metrics directory", Path: path, Err: err}
	}
	return dirfd{fd, path}, nil
}

func (d dirfd) Close() error {
	if err := unix.Close(d.fd); err != nil {
		return &os.PathError{Op: "close", Path: d.path, Err: err}
	}
	return nil
}

func (d dirfd) join(name string) string { return filepath.Join(d.path, name) }

// open opens a file without following a symbolic link and without waiting for the other end of a FIFO.
func (d dirfd) open(name string, flags int, perm uint32) (int, error) {
	var fd int
	err := again(func() (err error) {
		fd, err = unix.Openat(d.fd, name, unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, perm)
		return err
	})
	if err != nil {
		return -1, &os.PathError{Op: "open", Path: d.join(name), Err: err}
	}
	return fd, nil
}

// openOwn opens the library's subdirectory, which must be one.
func (d dirfd) openOwn() (dirfd, error) {
	fd, err := d.open(ownDir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	return dirfd{fd, d.join(ownDir)}, err
}

func (d dirfd) mkdir(name string) error {
	if err := unix.Mkdirat(d.fd, name, dirMode); err != nil && !errors.Is(err, unix.EEXIST) {
		return &os.PathError{Op: "mkdir", Path: d.join(name), Err: err}
	}
	return nil
}

func (d dirfd) unlink(name string) error {
	if err := unix.Unlinkat(d.fd, name, 0); err != nil {
		return &os.PathError{Op: "remove", Path: d.join(name), Err: err}
	}
	return nil
}

func (d dirfd) rmdir(name string) error {
	if err := unix.Unlinkat(d.fd, name, unix.AT_REMOVEDIR); err != nil {
		return &os.PathError{Op: "remove", Path: d.join(name), Err: err}
	}
	return nil
}

// rename gives a file another name, instead of whatever has it.
func (d dirfd) rename(from, to string) error {
	if err := unix.Renameat(d.fd, from, d.fd, to); err != nil {
		return &os.LinkError{Op: "rename", Old: d.join(from), New: d.join(to), Err: err}
	}
	return nil
}

// renameFree gives a file another name, which must be free. Where the file system cannot do that in one step it takes
// two, between which the file has both names.
func (d dirfd) renameFree(from, to string) error {
	err := unix.Renameat2(d.fd, from, d.fd, to, unix.RENAME_NOREPLACE)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		if err = unix.Linkat(d.fd, from, d.fd, to, 0); err == nil {
			return d.unlink(from)
		}
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: d.join(from), New: d.join(to), Err: err}
	}
	return nil
}

// stat does not follow a symbolic link.
func (d dirfd) stat(name string) (unix.Stat_t, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return st, &os.PathError{Op: "stat", Path: d.join(name), Err: err}
	}
	return st, nil
}

// list calls visit for each entry but . and .., in no order. The name is only valid during the call; the type is
// one of unix.DT_*. buf is the memory to list into and determines how many system calls that takes.
func (d dirfd) list(buf []byte, visit func(name []byte, inode uint64, typ uint8)) error {
	if _, err := unix.Seek(d.fd, 0, unix.SEEK_SET); err != nil {
		return &os.PathError{Op: "list", Path: d.path, Err: err}
	}
	for {
		n, err := unix.Getdents(d.fd, buf)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return &os.PathError{Op: "list", Path: d.path, Err: err}
		}
		if n == 0 {
			return nil
		}
		// struct linux_dirent64: u64 inode, s64 offset, u16 length of all, u8 type, name with a 0 after it.
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

// again repeats a call that a signal interrupted.
func again(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func regular(st unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFREG }
