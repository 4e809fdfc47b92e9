package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"multiproc/cmd/internal/config"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
)

// claim is what only one server can have. It is taken in an order in which a second server, started by mistake, is
// refused before it has changed anything: pidfile, log, sockets, and only then, with privileges dropped, the
// metrics directory, which is wiped.
type claim struct {
	cfg        *config.Config
	log        *slog.Logger
	pidfile    *master.Pidfile // nil: none
	sockets    *master.Sockets
	sets       []*master.SocketSet
	metricsDir string
	directory  *mpmetrics.Directory // nil until enter
}

func newClaim(loaded *config.Loaded, sockets *master.Sockets) (*claim, error) {
	cfg := loaded.Config
	c := &claim{cfg: cfg, sockets: sockets, log: newLogger(cfg.LogFormat)}
	if err := c.take(loaded); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

func (c *claim) take(loaded *config.Loaded) error {
	cfg := c.cfg
	c.sockets.Blocking = func(address string) {
		c.log.Warn("a worker has made a socket block that others share: set right", "address", address)
	}
	if cfg.Umask != nil {
		syscall.Umask(int(*cfg.Umask))
	}
	var err error
	if cfg.Pidfile != "" {
		if c.pidfile, err = master.LockPidfile(cfg.Pidfile); err != nil {
			return err
		}
	}
	if cfg.Logto != "" {
		if err := openLog(cfg.Logto); err != nil {
			return err
		}
	}
	for _, note := range loaded.Notes {
		c.log.Info("configuration", "note", note.String())
	}
	c.metricsDir, err = c.findMetricsDir()
	return err
}

// findMetricsDir is the directory of the settings, or else a private one.
func (c *claim) findMetricsDir() (string, error) {
	if c.cfg.MetricsDir != "" {
		return c.cfg.MetricsDir, nil
	}
	dir := strings.TrimSuffix(c.cfg.Control, ".sock") + ".metrics"
	if c.cfg.Control == "" {
		dir = filepath.Join(config.RuntimeDir(os.Getuid(), os.Getenv), "multiproc-"+strconv.Itoa(os.Getpid())+".metrics")
	}
	if err := c.makeRuntimeDir(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("make metrics directory: %w", err)
	}
	if err := c.give(dir); err != nil {
		return "", err
	}
	c.log.Info("no metrics directory is set: a private one is used", "path", dir)
	return dir, nil
}

// makeRuntimeDir makes the directory for what lives as long as the server. In /tmp somebody else may have been faster.
func (c *claim) makeRuntimeDir(path string) error {
	mode := fs.FileMode(0o700)
	if os.Geteuid() == 0 {
		mode = 0o755 // the server may give up its privileges
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, fs.ErrExist) {
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
	return nil
}

// give makes a file the property of the user that the server is to run as.
func (c *claim) give(path string) error {
	p, ok := c.privileges()
	if !ok {
		return nil
	}
	return os.Lchown(path, p.UID, p.GID)
}

// privileges are those to go on with, where they are other ones than those at the start.
func (c *claim) privileges() (master.Privileges, bool) {
	if c.cfg.UID == nil && c.cfg.GID == nil {
		return master.Privileges{}, false
	}
	p := master.Privileges{UID: os.Getuid(), GID: os.Getgid()}
	if c.cfg.UID != nil {
		p.UID = *c.cfg.UID
	}
	if c.cfg.GID != nil {
		p.GID = *c.cfg.GID
	}
	return p, true
}

// drop gives up the privileges of the start, for good.
func (c *claim) drop(p master.Privileges) error {
	p.Groups = []int{p.GID}
	if c.cfg.UserName != "" {
		u, err := user.Lookup(c.cfg.UserName)
		if err != nil {
			return err
		}
		ids, err := u.GroupIds()
		if err != nil {
			return err
		}
		for _, id := range ids {
			if gid, err := strconv.Atoi(id); err == nil && gid != p.GID {
				p.Groups = append(p.Groups, gid)
			}
		}
	}
	return master.Drop(p)
}

// control opens the control socket; nil where there is to be none.
func (c *claim) control() (net.Listener, error) {
	path := c.cfg.Control
	if path == "" {
		return nil, nil //nolint:nilnil // there is none to be
	}
	if filepath.Dir(path) == config.RuntimeDir(os.Getuid(), os.Getenv) {
		if err := c.makeRuntimeDir(filepath.Dir(path)); err != nil {
			return nil, err
		}
	}
	mode := fs.FileMode(0o600)
	listeners, err := c.listen(master.Socket{Name: "control", Network: "unix", Address: path, Mode: &mode})
	if err != nil {
		return nil, err
	}
	return listeners[0].Listener, c.give(path)
}

// health opens the addresses where the master itself answers health checks.
func (c *claim) health() ([]net.Listener, error) {
	listeners, err := c.listen(healthSockets(c.cfg)...)
	var plain []net.Listener
	for _, l := range listeners {
		plain = append(plain, l.Listener)
	}
	return plain, err
}

// listen opens sockets that this process itself serves.
func (c *claim) listen(sockets ...master.Socket) ([]handoff.Listener, error) {
	set, err := c.sockets.Open(sockets)
	if err != nil {
		return nil, err
	}
	c.sets = append(c.sets, set)
	fds, names, err := set.Descriptors(1)
	if err != nil {
		return nil, err
	}
	var listeners []handoff.Listener
	for i, fd := range fds {
		l, err := listenerOf(fd, names[i])
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, handoff.Listener{Listener: l, Name: names[i]})
	}
	return listeners, nil
}

// listenerOf makes a listener of a copy of the descriptor.
func listenerOf(fd int, name string) (net.Listener, error) {
	copied, err := syscall.Dup(fd)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	syscall.CloseOnExec(copied)
	file := os.NewFile(uintptr(copied), name)
	defer file.Close()
	l, err := net.FileListener(file)
	if unix, ok := l.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // the set decides about the file
	}
	return l, err
}

// enter gives up what privileges there are and makes the metrics directory this server's own, empty.
func (c *claim) enter() error {
	if p, ok := c.privileges(); ok {
		if err := errors.Join(c.sockets.Give(p.UID, p.GID), c.drop(p)); err != nil {
			return err
		}
	}
	if c.cfg.Chdir != "" {
		if err := os.Chdir(c.cfg.Chdir); err != nil {
			return usageError{err}
		}
	}
	var err error
	if c.directory, err = mpmetrics.OpenDirectory(c.metricsDir, c.log); err != nil {
		return err
	}
	return c.directory.Wipe()
}

// reopen opens the log anew.
func (c *claim) reopen() error {
	if c.cfg.Logto == "" {
		return nil
	}
	return openLog(c.cfg.Logto)
}

// close gives everything back. What cannot be removed any more, with fewer privileges, does no harm where it is.
func (c *claim) close() {
	var errs []error
	if c.directory != nil {
		errs = append(errs, c.directory.Close())
	}
	for _, set := range c.sets {
		errs = append(errs, set.Close(true))
	}
	if c.pidfile != nil {
		errs = append(errs, c.pidfile.Close())
	}
	if err := errors.Join(errs...); err != nil {
		c.log.Warn("not all could be given back", "error", err)
	}
}
