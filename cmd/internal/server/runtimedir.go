package server

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"multiproc/cmd/internal/config"
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
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = in.give(dir) // an existing one is ours from before, or is refused later
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make metrics directory: %w", err)
	}
	in.private = true
	in.log.Info("using a private metrics directory", "path", dir)
	return dir, nil
}

// makeRuntimeDir makes the directory of control sockets and private metrics directories. In /tmp, another user may have made it
// first.
func (in *instance) makeRuntimeDir(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make runtime directory: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("make runtime directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("runtime directory %s: is not a directory of this user", path)
	}
	if in.privileges != nil && stat.Uid == 0 && info.Mode().Perm()&passage != passage {
		// Whatever the umask, root's directory is for the servers of all users, and this one must pass through it as another.
		if err := os.Chmod(path, info.Mode().Perm()|passage); err != nil {
			return fmt.Errorf("open runtime directory: %w", err)
		}
	}
	return nil
}

// passage is the mode of a directory that others can pass through but not list.
const passage fs.FileMode = 0o011
