package main

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

// findMetricsDir is the directory of the settings, or else a private one.
func (c *claim) findMetricsDir() (string, error) {
	if c.cfg.MetricsDir != "" {
		return c.cfg.MetricsDir, nil
	}
	dir := config.PrivateMetricsDir(c.cfg.Control)
	if c.cfg.Control == "" {
		dir = filepath.Join(config.RuntimeDir(os.Getuid(), os.Getenv), "multiproc-"+strconv.Itoa(os.Getpid())+".metrics")
	}
	if err := c.makeRuntimeDir(filepath.Dir(dir)); err != nil {
		return "", err
	}
	err := os.Mkdir(dir, 0o755)
	if err == nil {
		err = c.give(dir) // one that is there is ours from before, or is refused later
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make metrics directory: %w", err)
	}
	c.private = true
	c.log.Info("no metrics directory is set: a private one is used", "path", dir)
	return dir, nil
}

// makeRuntimeDir makes the directory for what lives as long as the server. In /tmp somebody else may have been faster.
func (c *claim) makeRuntimeDir(path string) error {
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
	if c.privileges != nil && stat.Uid == 0 && info.Mode().Perm()&passage != passage {
		// Whatever the umask: it stays root's, for the servers of all users, and this one must come through as another.
		if err := os.Chmod(path, info.Mode().Perm()|passage); err != nil {
			return fmt.Errorf("open runtime directory: %w", err)
		}
	}
	return nil
}

// passage lets others reach what they know the name of in a directory, and nothing else.
const passage fs.FileMode = 0o011
