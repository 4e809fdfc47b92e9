package osfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Place is the location of a file, which need not exist: an open directory and a name in it. Later changes of the path do not affect
// operations on the place.
//
// Root must not do for other users what they may not do themselves. So, if the process is root:
//
//   - A place is root's if only root can change the path to it: each directory belongs to root and nobody else can write to it. A
//     sticky directory such as /tmp counts only if the next step is a directory of root's. Symbolic links on such a path are root's,
//     and are followed. Operations there run as root, and files are given to the owner.
//   - At every other place, and from there on along the path, operations run with the owner's rights; see [User.Do]. Links and
//     files of users other than root and the owner are refused.
//   - Without an owner, they run as root there, too. Links and files of other users are refused, and so are files with a second
//     name, which any user may have made.
//
// If the process is not root, only the kernel's checks apply.
type Place struct {
	path  string
	dir   int // O_PATH
	name  string
	owner *User

	shared bool // others than root can change the path to it
	moving bool // they can also replace its directory
	group  bool // shared because a group can write to the directory, which is root's
	magic  bool // a link in /proc to a file that another process has open
	fd     int  // descriptor of this process that the path stands for; -1: none
}

// Reasons for which a place is refused.
var (
	errLinks = errors.New("too many symbolic links")
	errNames = errors.New("it has a second name (a hard link), which any user may have made")
)

// Locate opens the directory of a path. The owner is the user that the process, which is root, continues as; nil: it stays as it
// is. A symbolic link at the path itself is not followed, and refused by Open.
func Locate(path string, owner *User) (*Place, error) { return locate(path, owner, false) }

// Follow is like Locate for a path that may be a symbolic link or stand for a descriptor.
func Follow(path string, owner *User) (*Place, error) { return locate(path, owner, true) }

func locate(path string, owner *User, follow bool) (*Place, error) {
	w := walk{place: &Place{path: path, dir: -1, owner: owner, fd: -1}, follow: follow, root: os.Geteuid() == 0}
	err := w.start(path)
	if err == nil {
		err = w.run()
	}
	if errors.Is(err, errShared) {
		err = owner.Do(w.run)
	}
	if err != nil {
		if w.place.dir >= 0 {
			_ = unix.Close(w.place.dir)
		}
		return nil, w.place.fail("open", err)
	}
	return w.place, nil
}

// Close closes the directory.
func (p *Place) Close() error { return os.NewSyscallError("close", unix.Close(p.dir)) }

// Descriptor returns the number of this process's descriptor that the path stands for, as /dev/stdout does.
func (p *Place) Descriptor() (fd int, ok bool) { return p.fd, p.fd >= 0 }

// Do calls do with the rights that the place requires. The file is name in the directory dir.
func (p *Place) Do(do func(dir int, name string) error) error {
	call := func() error { return do(p.dir, p.name) }
	if p.shared {
		return p.owner.Do(call)
	}
	return call()
}

// Open opens or, with O_CREAT, makes the file and returns its descriptor, which is non-blocking and closed on exec. A file at a
// place of root's is given to the owner.
func (p *Place) Open(flags int, mode uint32) (fd int, err error) {
	err = p.Do(func(dir int, name string) (err error) {
		if p.magic {
			fd, err = unix.Openat(dir, name, unix.O_NONBLOCK|unix.O_CLOEXEC|flags, mode)
			return err
		}
		fd, err = OpenAt(dir, name, flags, mode)
		return err
	})
	if p.group && flags&unix.O_CREAT != 0 && errors.Is(err, unix.EACCES) && p.owner != nil {
		fd, err = p.makeForOwner(flags, mode)
	}
	if err != nil {
		return -1, p.fail("open", err)
	}
	if err = p.check(fd); err == nil {
		err = p.Give(fd)
	}
	if err != nil {
		return -1, p.fail("open", errors.Join(err, unix.Close(fd)))
	}
	return fd, nil
}

// makeForOwner makes a new file in a directory of root's that a group can write to but not the owner, as some systems have /var/log.
func (p *Place) makeForOwner(flags int, mode uint32) (int, error) {
	fd, err := OpenAt(p.dir, p.name, flags|unix.O_EXCL, mode)
	if errors.Is(err, unix.EEXIST) {
		return -1, unix.EACCES
	}
	if err != nil {
		return -1, err
	}
	if err := unix.Fchown(fd, p.owner.UID, p.owner.GID); err != nil {
		return -1, errors.Join(os.NewSyscallError("fchown", err), unix.Close(fd))
	}
	return fd, nil
}

// Mkdir makes a directory, unless there is one, and opens it. At a place of root's it remains root's; see Give.
func (p *Place) Mkdir(mode uint32) (fd int, made bool, err error) {
	err = p.Do(func(dir int, name string) (err error) {
		err = unix.Mkdirat(dir, name, mode)
		made = err == nil
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return err
		}
		fd, err = OpenAt(dir, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		return err
	})
	if err != nil {
		return -1, false, p.fail("mkdir", err)
	}
	return fd, made, nil
}

// Stat returns the state of the file, without following a symbolic link.
func (p *Place) Stat() (st unix.Stat_t, err error) {
	err = p.Do(func(dir int, name string) error { return unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		err = p.fail("stat", err)
	}
	return st, err
}

// Has reports whether the file is the one that id identifies.
func (p *Place) Has(id ID) bool {
	st, err := p.Stat()
	return err == nil && IDFromStat(&st) == id
}

// Path returns a path to the file for system calls that take no directory, such as bind. If others can replace the directory of a
// place at which root acts, it leads through the descriptor and is valid until Close.
func (p *Place) Path() string {
	if p.moving && p.acting() == 0 {
		return fmt.Sprintf("/proc/self/fd/%d/%s", p.dir, p.name)
	}
	return p.path
}

// IsRoots reports whether only root can change the path, if the process is root.
func (p *Place) IsRoots() bool { return !p.shared }

// RemoveDir removes an empty directory.
func (p *Place) RemoveDir() error {
	err := p.Do(func(dir int, name string) error { return unix.Unlinkat(dir, name, unix.AT_REMOVEDIR) })
	if err != nil {
		return p.fail("rmdir", err)
	}
	return nil
}

// Remove removes the file if it is the one that id identifies. If there is none, or another one, it does nothing and returns nil.
// The caller should have the file open, so that its ID cannot be reused.
func (p *Place) Remove(id ID) error {
	err := p.Do(func(dir int, name string) error {
		var st unix.Stat_t
		if err := unix.Fstatat(dir, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil || IDFromStat(&st) != id {
			return err
		}
		return unix.Unlinkat(dir, name, 0)
	})
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return p.fail("remove", err)
}

// Give transfers an open file or directory of root's to the owner. Other files, such as devices, keep their owner.
func (p *Place) Give(fd int) error {
	if p.owner == nil || os.Geteuid() != 0 || p.shared && p.owner.UID != 0 {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if !IsRegular(&st) && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return nil
	}
	return os.NewSyscallError("fchown", unix.Fchown(fd, p.owner.UID, p.owner.GID))
}

// check refuses an open file that another user may have put there.
func (p *Place) check(fd int) error {
	if !p.shared || p.magic {
		return nil
	}
	var st, dir unix.Stat_t
	if err := errors.Join(unix.Fstat(fd, &st), unix.Fstat(p.dir, &dir)); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	switch {
	case !p.trusts(&st):
		return fmt.Errorf("it belongs to user %d", st.Uid)
	case IsRegular(&st) && st.Nlink > 1 && (p.acting() == 0 || int(dir.Uid) != p.acting()):
		return errNames
	}
	return nil
}

// acting returns the user whose rights apply at a shared place.
func (p *Place) acting() int {
	if p.owner != nil {
		return p.owner.UID
	}
	return 0
}

// trusts reports whether a file at a shared place belongs to root or the owner.
func (p *Place) trusts(st *unix.Stat_t) bool { return st.Uid == 0 || int(st.Uid) == p.acting() }

// fail adds the path to an error, and the user whose rights applied if that explains it.
func (p *Place) fail(op string, err error) error {
	err = Cause(err)
	if p.shared && p.acting() != 0 && errors.Is(err, fs.ErrPermission) {
		err = fmt.Errorf("%w for user %d, whose rights apply because others than root can change the path", err, p.acting())
	}
	return &fs.PathError{Op: op, Path: p.path, Err: err}
}

// walk goes from directory to directory along a path.
type walk struct {
	place  *Place
	rest   []string // of the path
	links  int      // that were followed
	follow bool     // a link at the end, too
	root   bool     // the process is root
}

// errShared ends the part of a walk in which root itself opens the directories.
var errShared = errors.New("others than root can change the path")

// maxLinks is the kernel's limit.
const maxLinks = 40

// start opens the directory that a path, or the text of a symbolic link, begins at. The rest of the walk is not changed.
func (w *walk) start(path string) error {
	if w.follow && len(w.rest) == 0 {
		if fd, ok := ownDescriptor(path); ok {
			w.place.fd = fd
			path = "/" // any directory: nothing is opened there
		}
	}
	var parts []string
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	if strings.HasSuffix(path, "/") || strings.HasSuffix(path, "/.") || len(parts) == 0 {
		parts = append(parts, ".")
	}
	w.rest = append(parts, w.rest...)
	base := "/"
	if !filepath.IsAbs(path) {
		if w.place.dir >= 0 {
			return nil // relative to the directory of the link
		}
		base = "."
	}
	return w.enter(unix.AT_FDCWD, base)
}

// ownDescriptor reports whether a path is the name of a descriptor of this process, open or not.
func ownDescriptor(path string) (fd int, ok bool) {
	path = filepath.Clean(path)
	switch path {
	case "/dev/stdin":
		return 0, true
	case "/dev/stdout":
		return 1, true
	case "/dev/stderr":
		return 2, true
	}
	found := regexp.MustCompile(`^(?:/dev/fd|/proc/(?:self|thread-self|` + strconv.Itoa(os.Getpid()) + `)/fd)/(\d{1,9})$`).FindStringSubmatch(path)
	if found == nil {
		return -1, false
	}
	fd, err := strconv.Atoi(found[1])
	return fd, err == nil
}

// enter makes a directory the current one.
func (w *walk) enter(dir int, name string) error {
	fd, err := OpenAt(dir, name, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	if w.place.dir >= 0 {
		_ = unix.Close(w.place.dir)
	}
	w.place.dir = fd
	return nil
}

// run follows the rest of the path to the directory of the file.
func (w *walk) run() error {
	for w.place.fd < 0 {
		name, last := w.rest[0], len(w.rest) == 1
		var st unix.Stat_t
		err := unix.Fstatat(w.place.dir, name, &st, unix.AT_SYMLINK_NOFOLLOW)
		if last && errors.Is(err, unix.ENOENT) {
			st, err = unix.Stat_t{Mode: unix.S_IFREG}, nil
		}
		if err != nil {
			return err
		}
		if err := w.judge(&st, last); err != nil {
			return err
		}
		link := st.Mode&unix.S_IFMT == unix.S_IFLNK
		switch {
		case last && link && w.isMagic(name):
			w.place.magic = true
			fallthrough
		case last && (!link || !w.follow):
			w.place.name = name
			return nil
		case link:
			err = w.followLink(name, &st)
		default:
			if err = w.enter(w.place.dir, name); err == nil {
				w.rest = w.rest[1:]
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// judge marks the place as shared once others than root can change the path. st is the state of the next step.
func (w *walk) judge(st *unix.Stat_t, last bool) error {
	if !w.root || w.place.shared {
		return nil
	}
	var dir unix.Stat_t
	if err := unix.Fstat(w.place.dir, &dir); err != nil {
		return err
	}
	others := dir.Mode&0o002 != 0
	group := dir.Mode&0o020 != 0 && dir.Gid != 0
	switch step := st.Mode&unix.S_IFMT == unix.S_IFDIR && !last; {
	case dir.Uid == 0 && !others && !group:
		return nil
	case dir.Uid == 0 && dir.Mode&unix.S_ISVTX != 0 && step && st.Uid == 0:
		return nil // others cannot rename the next directory
	}
	w.place.shared, w.place.moving, w.place.group = true, !last, last && dir.Uid == 0 && !others
	if w.place.acting() != 0 {
		return errShared
	}
	return nil
}

// isMagic reports whether a symbolic link is one of those in /proc that lead to a file that a process has open.
func (w *walk) isMagic(name string) bool {
	var statfs unix.Statfs_t
	if unix.Fstatfs(w.place.dir, &statfs) != nil || statfs.Type != unix.PROC_SUPER_MAGIC {
		return false
	}
	_, err := strconv.ParseUint(name, 10, 31)
	return w.follow && err == nil
}

// followLink replaces the name of a symbolic link by its target.
func (w *walk) followLink(name string, st *unix.Stat_t) error {
	if w.place.shared && !w.place.trusts(st) {
		return fmt.Errorf("behind a symbolic link of user %d", st.Uid)
	}
	if w.links++; w.links > maxLinks {
		return errLinks
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(w.place.dir, name, text)
	if err != nil {
		return err
	}
	w.rest, w.place.moving, w.place.group = w.rest[1:], w.place.shared, false
	return w.start(string(text[:n]))
}
