package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// errReadOnce is the error of a pipe or a device that was read when the server started.
var errReadOnce = errors.New("cannot be read again, since it is not a regular file: restart the server instead")

// openAgain opens a file that a server has read before. The content of a pipe is gone, and waiting for more could block forever.
func openAgain(path string) (io.ReadCloser, error) {
	refuse := func(err error) (io.ReadCloser, error) { return nil, &fs.PathError{Op: "open", Path: path, Err: err} }
	if inherited(path) {
		return refuse(errReadOnce)
	}
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = &fs.PathError{Op: "open", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		_, err = refuse(errReadOnce)
	default:
		return file, nil
	}
	return nil, errors.Join(err, file.Close())
}

// inherited reports whether a path names a descriptor, which is another file in another process, or closed.
func inherited(path string) bool {
	descriptor := strings.HasPrefix(path, "/dev/fd/") || path == "/dev/stdin"
	return descriptor || strings.HasPrefix(path, "/proc/") && strings.Contains(path, "/fd/")
}
