package listen

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// maxSocketPath is the longest path that the kernel accepts, in bytes.
const maxSocketPath = 107

// listenUnix opens a socket and returns its descriptor and its file, which is nil for an abstract @name.
//
// The file remains if a process is killed. A file without a listener is removed; anything else at the path is left unchanged. For
// the owner see [osfile.Place].
func listenUnix(address string, mode *fs.FileMode, owner *osfile.User) (fd int, file *socketFile, err error) {
	switch {
	case len(address) > maxSocketPath:
		return -1, nil, fmt.Errorf("longer than %d bytes", maxSocketPath)
	case filepath.IsAbs(address):
		return listenPath(address, mode, owner)
	case !strings.HasPrefix(address, "@"):
		return -1, nil, errors.New("neither an absolute path nor an @name")
	}
	if fd, err = bindUnix(address, nil); err != nil {
		return -1, nil, err
	}
	if err = startListening(fd); err != nil {
		return -1, nil, errors.Join(err, unix.Close(fd))
	}
	return fd, nil, nil
}

func listenPath(path string, mode *fs.FileMode, owner *osfile.User) (fd int, file *socketFile, err error) {
	place, err := osfile.Locate(path, owner)
	if err != nil {
		return -1, nil, err
	}
	defer place.Close()
	// Two masters that start at the same moment would both find the old socket stale, and the second would remove the new one of
	// the first. The same holds for a socket that is bound and does not listen yet.
	dir, err := lockDir(place, filepath.Dir(path))
	if err != nil {
		return -1, nil, err
	}
	defer dir.Close()
	bind := func(int, string) (err error) {
		fd, err = bindUnix(place.Path(), mode)
		return err
	}
	err = place.Do(bind)
	if errors.Is(err, ErrInUse) {
		if err = removeStale(place); err == nil {
			err = place.Do(bind)
		}
	}
	if err != nil {
		return -1, nil, err
	}
	file, err = newSocketFile(path, place, owner)
	if err != nil {
		return -1, nil, errors.Join(err, unix.Close(fd))
	}
	if mode != nil {
		err = file.chmod(*mode)
	}
	if err == nil {
		err = startListening(fd)
	}
	if err != nil {
		return -1, nil, errors.Join(err, file.remove(), unix.Close(fd))
	}
	return fd, file, nil
}

func startListening(fd int) error {
	return os.NewSyscallError("listen", unix.Listen(fd, unix.SOMAXCONN))
}

// bindUnix creates the socket and its file, which at no moment has more permissions than mode: the kernel gives it the mode of the
// socket's own inode, less the umask. (After bind the two modes are independent.)
func bindUnix(path string, mode *fs.FileMode) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if mode != nil {
		err = os.NewSyscallError("fchmod", unix.Fchmod(fd, uint32(mode.Perm())))
	}
	if err == nil {
		err = os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	}
	if errors.Is(err, unix.EADDRINUSE) {
		err = ErrInUse
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// removeStale removes the file of a socket without a listener.
func removeStale(place *osfile.Place) error {
	st, err := place.Stat()
	if errors.Is(err, fs.ErrNotExist) {
		return nil // removed by its owner
	}
	if err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return errors.New("a file that is not a socket exists there")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	err = place.Do(func(int, string) error { return unix.Connect(fd, &unix.SockaddrUnix{Name: place.Path()}) })
	_ = unix.Close(fd)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return place.Remove(osfile.IDFromStat(&st))
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPROTOTYPE):
		// There is a listener: with room in its queue, with a full queue, or for datagrams.
		return ErrInUse
	case errors.Is(err, unix.ENOENT):
		return nil
	}
	return fmt.Errorf("cannot determine whether a process listens there: %w", os.NewSyscallError("connect", err))
}

// lockTimeout bounds the wait for the lock on a directory. Masters hold it for a moment; a program that locks a directory
// for as long as it runs, as is done with metrics directories, must not hold this one up.
const lockTimeout = time.Second

// lockDir locks the directory of a place until it is closed. The path is for messages.
func lockDir(place *osfile.Place, path string) (dir *os.File, err error) {
	err = place.Do(func(at int, _ string) error {
		fd, err := osfile.OpenAt(at, ".", unix.O_RDONLY|unix.O_DIRECTORY, 0)
		if err == nil {
			dir = os.NewFile(uintptr(fd), path)
		}
		return err
	})
	if err != nil {
		return nil, &fs.PathError{Op: "lock", Path: path, Err: osfile.Cause(err)}
	}
	for deadline := time.Now().Add(lockTimeout); ; time.Sleep(5 * time.Millisecond) {
		locked, err := osfile.TryFlock(int(osfile.FD(dir)))
		switch {
		case err != nil:
			return nil, errors.Join(&fs.PathError{Op: "lock", Path: path, Err: err}, dir.Close())
		case locked:
			return dir, nil
		case time.Now().After(deadline):
			return nil, errors.Join(fmt.Errorf("lock %s: a process has held it for %v", path, lockTimeout), dir.Close())
		}
	}
}
