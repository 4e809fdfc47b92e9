package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// maxSocketPath is the longest path that the kernel takes, in bytes.
const maxSocketPath = 107

// listenUnix opens a socket and returns its descriptor and its file, which an abstract @name does not have.
//
// A socket's file outlives a process that was killed. One that nobody listens on is removed; anything else at the path
// is left as it is.
func listenUnix(address string, mode *fs.FileMode) (fd int, file *socketFile, err error) {
	switch {
	case len(address) > maxSocketPath:
		return -1, nil, fmt.Errorf("longer than %d bytes", maxSocketPath)
	case filepath.IsAbs(address):
		return listenPath(address, mode)
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

func listenPath(path string, mode *fs.FileMode) (fd int, file *socketFile, err error) {
	// Two masters that start at the same moment would both find the old socket stale, and the second would remove what
	// the first has just made. The same goes for a socket that is bound and does not listen yet.
	dir, err := lockDir(filepath.Dir(path))
	if err != nil {
		return -1, nil, err
	}
	defer dir.Close()
	fd, err = bindUnix(path, mode)
	if errors.Is(err, ErrInUse) {
		if err = removeStale(path); err == nil {
			fd, err = bindUnix(path, mode)
		}
	}
	if err != nil {
		return -1, nil, err
	}
	file, err = newSocketFile(path)
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

// bindUnix makes the socket and its file, which has at no moment more permissions than these: what the kernel gives it
// is the mode of the socket's own inode, less the umask. (After bind the two modes have nothing to do with each other.)
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

// removeStale removes a socket that nobody listens on.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // its owner has just removed it
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is a file that is no socket")
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	_ = unix.Close(fd)
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return os.Remove(path)
	case err == nil, errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EPROTOTYPE):
		// Somebody listens: with room in the queue, without, or for something else than streams.
		return ErrInUse
	case errors.Is(err, unix.ENOENT):
		return nil
	}
	return fmt.Errorf("who listens there cannot be found out: %w", os.NewSyscallError("connect", err))
}

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

// socketFile is the file of a unix socket that this process has made.
type socketFile struct {
	path  string
	at    inode
	first fs.FileMode // that it was made with
	mode  fs.FileMode // that it has now
}

// inode is which file something is, whatever it is called.
type inode struct{ device, number uint64 }

func inodeOf(st *unix.Stat_t) inode { return inode{st.Dev, st.Ino} }

// newSocketFile remembers what the kernel has just made.
func newSocketFile(path string) (*socketFile, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	mode := fs.FileMode(st.Mode).Perm()
	return &socketFile{path, inodeOf(&st), mode, mode}, nil
}

// setMode gives it this mode, or the one that it was made with where nobody wants another: a mode goes with the set that
// wanted it.
func (f *socketFile) setMode(want *fs.FileMode) error {
	mode := f.first
	if want != nil {
		mode = want.Perm()
	} else if f.mode == f.first {
		return nil
	}
	if err := f.chmod(mode); err != nil {
		return err
	}
	f.mode = mode
	return nil
}

// chmod gives the file exactly this mode.
func (f *socketFile) chmod(mode fs.FileMode) error {
	return f.change("chmod", func(fd int, now fs.FileMode) error {
		if now == mode.Perm() {
			return nil
		}
		// fchmod refuses such a descriptor, and fchmodat without following links is too new.
		return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), uint32(mode.Perm()))
	})
}

// give makes the file the property of a user and a group.
func (f *socketFile) give(uid, gid int) error {
	return f.change("chown", func(fd int, _ fs.FileMode) error {
		return unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
	})
}

// change lets something be done to the file, by a descriptor for its path. Where somebody has put another one there it is
// left as it is: a link, say, to a file that this process may change and they may not.
func (f *socketFile) change(op string, do func(fd int, mode fs.FileMode) error) error {
	fail := func(err error) error { return &os.PathError{Op: op, Path: f.path, Err: err} }
	fd, err := unix.Open(f.path, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail(err)
	}
	if inodeOf(&st) != f.at {
		return fail(errors.New("it has been replaced"))
	}
	if err := do(fd, fs.FileMode(st.Mode).Perm()); err != nil {
		return fail(err)
	}
	return nil
}

// remove removes the file, unless another one has its place. It must be called while the socket is open, which keeps the
// inode's number from being used again.
//
// Where privileges have been dropped the directory may not be open to changes any more. Then the file stays: it is stale
// for the next master.
func (f *socketFile) remove() error {
	var st unix.Stat_t
	err := unix.Lstat(f.path, &st)
	if err == nil && inodeOf(&st) == f.at {
		err = unix.Unlink(f.path)
	}
	if err == nil || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil
	}
	return &os.PathError{Op: "remove", Path: f.path, Err: err}
}
