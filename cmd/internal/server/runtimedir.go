package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/config"
	"multiproc/internal/osfile"
)

// findMetricsDir returns the configured metrics directory, or makes a private one.
func (in *instance) findMetricsDir() (string, error) {
	if in.cfg.MetricsDir != "" {
		return in.cfg.MetricsDir, nil
	}
	dir := config.PrivateMetricsDir(in.cfg.Control)
	if in.cfg.Control == "" {
		dir = filepath.Join(config.RuntimeDir(os.Getuid(), os.Getenv), "multiproc-"+strconv.Itoa(os.Getpid())+".metrics")
	}
	if err := in.makeRuntimeDir(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := in.makeOwnDir(dir); err != nil {
		return "", err
	}
	in.private = true
	in.log.Info("using a private metrics directory", "path", dir)
	return dir, nil
}

// makeConfiguredDir makes the configured metrics directory if root must do that for the user that the server continues as. All other
// faults are reported when the directory is opened.
func (in *instance) makeConfiguredDir() error {
	if in.owner == nil || in.private {
		return nil
	}
	_, missing := os.Stat(in.metricsDir)
	if _, err := os.Stat(filepath.Dir(in.metricsDir)); err == nil && errors.Is(missing, fs.ErrNotExist) {
		return in.makeOwnDir(in.metricsDir)
	}
	return nil
}

// makeOwnDir makes a metrics directory of the server's user. An existing one of that user is kept. One of another user is
// replaced if it is empty: its server has stopped, but could not remove it.
func (in *instance) makeOwnDir(path string) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("make metrics directory: %w", err)
		}
	}()
	place, err := osfile.Locate(path, in.owner)
	if err != nil {
		return err
	}
	defer place.Close()
	if st, err := place.Stat(); err == nil && place.IsRoots() && int(st.Uid) != in.user() {
		if err := place.RemoveDir(); err != nil {
			return fmt.Errorf("%w, and belongs to user %d: stop that user's server, or remove it", err, st.Uid)
		}
	}
	fd, made, err := place.Mkdir(0o755) // a directory of another user elsewhere is refused later
	if err != nil {
		return err
	}
	if made {
		err = place.Give(fd)
	}
	return errors.Join(err, unix.Close(fd))
}

// user returns the user that the server continues as.
func (in *instance) user() int {
	if in.owner != nil {
		return in.owner.UID
	}
	return os.Geteuid()
}

// makeRuntimeDir makes the directory of control sockets and private metrics directories.
func (in *instance) makeRuntimeDir(path string) error {
	fail := func(err error) error { return fmt.Errorf("make runtime directory: %w", err) }
	locate, ours := osfile.Follow, path == config.RuntimeDir(os.Getuid(), os.Getenv)
	if ours {
		locate = osfile.Locate // in /tmp, another user may have put a link there
	}
	place, err := locate(path, in.owner)
	if err != nil {
		return fail(err)
	}
	defer place.Close()
	fd, made, err := place.Mkdir(0o755)
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return fmt.Errorf("runtime directory %s: is not a directory", path)
	}
	if err != nil {
		return fail(err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail(os.NewSyscallError("fstat", err))
	}
	uid := int(st.Uid)
	if uid != 0 && uid != os.Geteuid() && (in.owner == nil || uid != in.owner.UID) {
		return fmt.Errorf("runtime directory %s: is not a directory of this user", path)
	}
	if in.owner == nil || in.owner.Do(func() error { _, err := os.Stat(path + "/."); return err }) == nil {
		return nil
	}
	if !made && !ours {
		return fmt.Errorf("runtime directory %s: user %d cannot pass through it: set metrics-dir", path, in.owner.UID)
	}
	// Whatever the umask, root's directory is for the servers of all users.
	if err := place.Do(func(int, string) error { return unix.Fchmod(fd, st.Mode&0o7777|passage) }); err != nil {
		return fmt.Errorf("open runtime directory: %w", os.NewSyscallError("fchmod", err))
	}
	return nil
}

// passage is the mode of a directory that others can pass through but not list.
const passage = 0o011
