package server

import (
	"errors"
	"fmt"
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
	place, err := osfile.Locate(dir, in.owner)
	if err != nil {
		return "", fmt.Errorf("make metrics directory: %w", err)
	}
	defer place.Close()
	fd, made, err := place.Mkdir(0o755) // an existing one is ours from before, or is refused later
	if err != nil {
		return "", fmt.Errorf("make metrics directory: %w", err)
	}
	defer unix.Close(fd)
	if made {
		if err := place.Give(fd); err != nil {
			return "", fmt.Errorf("make metrics directory: %w", err)
		}
	}
	in.private = true
	in.log.Info("using a private metrics directory", "path", dir)
	return dir, nil
}

// makeRuntimeDir makes the directory of control sockets and private metrics directories. In /tmp, another user may have made it
// first.
func (in *instance) makeRuntimeDir(path string) error {
	fail := func(err error) error { return fmt.Errorf("make runtime directory: %w", err) }
	place, err := osfile.Locate(path, in.owner)
	if err != nil {
		return fail(err)
	}
	defer place.Close()
	fd, _, err := place.Mkdir(0o755)
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
	if in.owner != nil && uid == 0 && st.Mode&passage != passage {
		// Whatever the umask, root's directory is for the servers of all users, and this one must pass through it as another.
		if err := place.Do(func(int, string) error { return unix.Fchmod(fd, st.Mode&0o7777|passage) }); err != nil {
			return fmt.Errorf("open runtime directory: %w", os.NewSyscallError("fchmod", err))
		}
	}
	return nil
}

// passage is the mode of a directory that others can pass through but not list.
const passage = 0o011
