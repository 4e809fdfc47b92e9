package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// OpenWritable opens a directory for writing metrics, and makes it and its parents if there are none. It refuses symbolic
// links and directories that are unfit; see checkFit.
func OpenWritable(path string, log *slog.Logger) (Dir, error) { return openWritable(path, true, log) }

// ReopenWritable is OpenWritable for a directory that was removed or replaced. It makes no parents: if they were removed, too,
// that was no mistake. It logs nothing.
func ReopenWritable(path string) (Dir, error) {
	return openWritable(path, false, slog.New(slog.DiscardHandler))
}

func openWritable(path string, parents bool, log *slog.Logger) (Dir, error) {
	fail := func(err error) (Dir, error) {
		return Dir{}, fmt.Errorf("open metrics directory %q: %w", path, err)
	}
	if path == "" {
		return fail(errors.New("no path given"))
	}
	path = filepath.Clean(path) // a slash at the end would hide a symbolic link
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fail(errors.New("is a symbolic link"))
	}
	fd, err := makeDir(path, parents)
	if err != nil {
		return Dir{}, fmt.Errorf("make metrics directory: %w", err)
	}
	d := Dir{fd, path}
	if err := d.checkFit(log); err != nil {
		return fail(errors.Join(err, d.Close()))
	}
	return d, nil
}

// makeDir opens a directory, and makes it if there is none, and then its parents, too, if they may be made. For root see
// [osfile.Place].
func makeDir(path string, parents bool) (int, error) {
	place, err := osfile.Locate(path, nil)
	if parents && errors.Is(err, fs.ErrNotExist) && filepath.Dir(path) != path {
		parent, failed := makeDir(filepath.Dir(path), true)
		if failed != nil {
			return -1, failed
		}
		_ = unix.Close(parent)
		place, err = osfile.Locate(path, nil)
	}
	if err != nil {
		return -1, err
	}
	fd, _, err := place.Mkdir(dirMode)
	return fd, errors.Join(err, place.Close())
}

// checkFit returns the reason why a directory cannot hold metrics, if there is one.
func (d Dir) checkFit(log *slog.Logger) error {
	st, err := d.StatSelf()
	if err != nil {
		return err
	}
	if int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("belongs to user %d, neither root nor this user, %d", st.Uid, os.Geteuid())
	}
	if d.isSharedPlace(osfile.IDFromStat(&st)) {
		return errors.New("holds other files than metrics: use a directory that holds nothing else")
	}
	var statfs unix.Statfs_t
	if err := unix.Fstatfs(d.fd, &statfs); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if name, ok := networkFS(uint32(statfs.Type)); ok {
		return fmt.Errorf("is on %s, a network file system, where mapped files are not shared", name)
	}
	if st.Mode&0o022 != 0 {
		log.Warn("metrics directory writable by other users", "path", d.path, "mode", fmt.Sprintf("%#o", st.Mode&0o7777))
	}
	return nil
}

// isSharedPlace reports whether a directory is one in which people keep other things.
func (d Dir) isSharedPlace(id osfile.ID) bool {
	places := []string{"/", "/tmp", "/var/tmp", "/dev/shm", "/home", "/root", os.Getenv("HOME")}
	if u, err := user.Current(); err == nil {
		places = append(places, u.HomeDir)
	}
	if slices.ContainsFunc(places, func(place string) bool {
		found, err := osfile.Identify(place)
		return err == nil && found == id
	}) {
		return true
	}
	parent, err := d.Stat("..")
	if err != nil {
		return false
	}
	home, err := osfile.Identify("/home")
	return err == nil && osfile.IDFromStat(&parent) == home
}

// networkFS returns the name of a file system, by its statfs(2) type, that does not share mappings between machines or even
// between processes.
func networkFS(typ uint32) (string, bool) {
	switch typ {
	case unix.NFS_SUPER_MAGIC:
		return "NFS", true
	case unix.SMB_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC:
		return "SMB", true
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "AFS", true
	case unix.CEPH_SUPER_MAGIC:
		return "Ceph", true
	case unix.CODA_SUPER_MAGIC:
		return "Coda", true
	case unix.V9FS_MAGIC:
		return "9P", true
	}
	return "", false
}
