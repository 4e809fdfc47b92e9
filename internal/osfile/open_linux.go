package osfile

import (
	"errors"
	"io/fs"
	"syscall"

	"golang.org/x/sys/unix"
)

// Open opens a file. If path is a symbolic link it fails with ELOOP (with O_DIRECTORY, ENOTDIR), if a FIFO it does not wait
// for the other end; the descriptor is non-blocking and closed on exec. flags are those of open(2), and mode is the mode of
// a file that it creates, less the umask.
func Open(path string, flags int, mode uint32) (int, error) {
	return OpenAt(unix.AT_FDCWD, path, flags, mode)
}

// OpenAt is Open with a path relative to an open directory. Symbolic links in the path before its last element are followed.
func OpenAt(dir int, path string, flags int, mode uint32) (int, error) {
	var fd int
	err := Retry(func() (err error) {
		fd, err = unix.Openat(dir, path, unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC|flags, mode)
		return err
	})
	if err != nil {
		return -1, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, nil
}

// Cause returns an error without its operation and path, for a caller that adds its own.
func Cause(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// FD returns the descriptor of a file or socket like [os.File.Fd], but never makes it blocking, which would affect everyone that
// shares it. It must stay open while the descriptor is in use; the descriptor of a closed file is ^uintptr(0).
func FD(file syscall.Conn) uintptr {
	fd := ^uintptr(0)
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(f uintptr) { fd = f }) // fails only if the file is closed
	}
	return fd
}

// Retry repeats a system call for as long as signals interrupt it.
func Retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
