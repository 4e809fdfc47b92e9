package listen

import (
	"errors"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// socketFile is the file of a unix socket that this process has made.
type socketFile struct {
	path  string
	id    osfile.ID
	first fs.FileMode // that it was made with
	mode  fs.FileMode // that it has now
}

// newSocketFile remembers what the kernel has just made.
func newSocketFile(path string) (*socketFile, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	mode := fs.FileMode(st.Mode).Perm()
	return &socketFile{path, osfile.IDFromStat(&st), mode, mode}, nil
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
	if osfile.IDFromStat(&st) != f.id {
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
	err := osfile.RemoveIfSame(f.path, f.id)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
