package listen

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// socketFile is the file of a unix socket that this process has created.
type socketFile struct {
	path  string
	owner *osfile.User // see Sockets
	id    osfile.ID
	first fs.FileMode // when it was created
	mode  fs.FileMode // now
}

// newSocketFile describes the file that bind has just created.
func newSocketFile(path string, place *osfile.Place, owner *osfile.User) (*socketFile, error) {
	st, err := place.Stat()
	if err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return nil, &os.PathError{Op: "stat", Path: path, Err: errReplaced}
	}
	mode := fs.FileMode(st.Mode).Perm()
	return &socketFile{path, owner, osfile.IDFromStat(&st), mode, mode}, nil
}

var errReplaced = errors.New("it was replaced")

// setMode changes the mode to the wanted one, or back to the first one if none is wanted: a mode is valid only as long as the set
// that wants it.
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

// chmod sets exactly this mode.
func (f *socketFile) chmod(mode fs.FileMode) error {
	return f.change("chmod", func(fd int, now fs.FileMode) error {
		if now == mode.Perm() {
			return nil
		}
		// fchmod refuses an O_PATH descriptor, and fchmodat2 is too new.
		return unix.Chmod("/proc/self/fd/"+strconv.Itoa(fd), uint32(mode.Perm()))
	})
}

// chown changes the owner of the file.
func (f *socketFile) chown(uid, gid int) error {
	return f.change("chown", func(fd int, _ fs.FileMode) error {
		return unix.Fchownat(fd, "", uid, gid, unix.AT_EMPTY_PATH)
	})
}

// change calls do with a descriptor of the file. It refuses another file that was put in its place, such as a link to a file that
// this process may change and the user who made the link may not.
func (f *socketFile) change(op string, do func(fd int, mode fs.FileMode) error) error {
	place, err := osfile.Locate(f.path, f.owner)
	if err != nil {
		return err
	}
	defer place.Close()
	err = place.Do(func(dir int, name string) error {
		fd, err := unix.Openat(dir, name, unix.O_PATH|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil {
			return err
		}
		if osfile.IDFromStat(&st) != f.id {
			return errReplaced
		}
		return do(fd, fs.FileMode(st.Mode).Perm())
	})
	if err != nil {
		return &os.PathError{Op: op, Path: f.path, Err: err}
	}
	return nil
}

// remove removes the file, unless another one is at its path. It must be called while the socket is open, which keeps the kernel
// from using the inode number again.
//
// After privileges were dropped the directory may not be writable any more. Then the file remains, and the next master finds it
// stale.
func (f *socketFile) remove() error {
	place, err := osfile.Locate(f.path, f.owner)
	if err == nil {
		err = errors.Join(place.Remove(f.id), place.Close())
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
