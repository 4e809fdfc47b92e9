package mpmetrics

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
)

// ErrHeld is returned when another living process holds what is asked for: a whole directory, or an id in it.
var ErrHeld = errors.New("held by another process")

// ownDir is what lies in the directory and is not of prometheus_client's format. No other reader sees it.
const ownDir = ".mpm"

// Directory is a metrics directory as its master sees it: the one who empties it and sweeps up after processes.
// Processes that only write or read metrics need none; see NewWriter and NewCollector.
//
// Its methods are not safe for concurrent use, but for Leave beside Sweep.
type Directory struct {
	dir dirfd
	log *slog.Logger
}

// OpenDirectory opens a metrics directory to write into, and makes it where there is none.
// The caller must Close it.
//
// It refuses a symbolic link, a directory of somebody who is neither this user nor root, directories that hold
// other people's files (/, /tmp, /var/tmp, /dev/shm, home directories), and network file systems, on which
// mappings are not shared. That others may write to the directory is logged as a warning. A nil log discards.
func OpenDirectory(path string, log *slog.Logger) (*Directory, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := openWritable(path, log)
	if err != nil {
		return nil, err
	}
	return &Directory{dir, log}, nil
}

// Close closes the directory and with it gives up what Wipe took.
func (d *Directory) Close() error {
	if d.dir.fd < 0 {
		return fmt.Errorf("close metrics directory %s: %w", d.dir.path, os.ErrClosed)
	}
	err := d.dir.Close()
	d.dir.fd = -1
	return err
}

func openWritable(path string, log *slog.Logger) (dirfd, error) {
	fail := func(err error) (dirfd, error) {
		return dirfd{}, fmt.Errorf("open metrics directory %q: %w", path, err)
	}
	if path == "" {
		return fail(errors.New("no path given"))
	}
	path = filepath.Clean(path) // a slash at the end would hide a symbolic link
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fail(errors.New("is a symbolic link"))
	}
	if err := os.MkdirAll(path, dirMode); err != nil {
		return dirfd{}, fmt.Errorf("make metrics directory: %w", err)
	}
	dir, err := openDir(path, unix.O_NOFOLLOW)
	if err != nil {
		return dirfd{}, err
	}
	if err := checkFit(dir, log); err != nil {
		return fail(errors.Join(err, dir.Close()))
	}
	return dir, nil
}

// checkFit says why a directory cannot hold metrics, if it cannot.
func checkFit(dir dirfd, log *slog.Logger) error {
	var st unix.Stat_t
	if err := unix.Fstat(dir.fd, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	if int(st.Uid) != os.Geteuid() && st.Uid != 0 {
		return fmt.Errorf("belongs to user %d, who is neither root nor this user, %d", st.Uid, os.Geteuid())
	}
	if sharedPlace(dir, st) {
		return errors.New("holds other files than metrics: give it a directory of its own")
	}
	var statfs unix.Statfs_t
	if err := unix.Fstatfs(dir.fd, &statfs); err != nil {
		return os.NewSyscallError("fstatfs", err)
	}
	if name, ok := networkFS(uint32(statfs.Type)); ok {
		return fmt.Errorf("is on %s, a network file system, where mapped files are not shared", name)
	}
	if st.Mode&0o022 != 0 {
		log.Warn("metrics directory can be written by others", "path", dir.path, "mode", fmt.Sprintf("%#o", st.Mode&0o7777))
	}
	return nil
}

// sharedPlace reports whether a directory is one that people keep other things in.
func sharedPlace(dir dirfd, st unix.Stat_t) bool {
	places := []string{"/", "/tmp", "/var/tmp", "/dev/shm", "/home", "/root", os.Getenv("HOME")}
	if u, err := user.Current(); err == nil {
		places = append(places, u.HomeDir)
	}
	is := func(st unix.Stat_t, place string) bool {
		var other unix.Stat_t
		return unix.Stat(place, &other) == nil && other.Dev == st.Dev && other.Ino == st.Ino
	}
	if slices.ContainsFunc(places, func(place string) bool { return is(st, place) }) {
		return true
	}
	parent, err := dir.stat("..")
	return err == nil && is(parent, "/home")
}

// networkFS names the file systems, by their statfs(2) type, that keep no shared mappings between machines or
// even between processes.
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
