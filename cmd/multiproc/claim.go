package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// claim is what only one server can have. It is taken in an order in which a second server, started by mistake, is
// refused before it has changed anything: pidfile, log, sockets, and only then, with privileges dropped, the
// metrics directory, which is wiped.
type claim struct {
	cfg        *config.Config
	privileges *config.Privileges // to continue with; nil: those of the start
	log        *slog.Logger
	pidfile    *master.Pidfile // nil: none
	sockets    *listen.Sockets
	sets       []*listen.Set
	metricsDir string
	directory  *mpmetrics.Directory // nil until enter
	private    bool                 // the metrics directory is one that nobody asked for

	queue    *logQueue // of the log; nil without a master
	terminal *os.File  // stderr as it was at the start, where the log is elsewhere
}

func newClaim(loaded *config.Loaded, sockets *listen.Sockets) (*claim, error) {
	cfg := loaded.Config
	c := &claim{cfg: cfg, sockets: sockets, log: cli.NewLogger(cfg.LogFormat, os.Stderr)}
	if cfg.Master {
		c.queue = newLogQueue(os.Stderr, c.log)
		c.log = cli.NewLogger(cfg.LogFormat, c.queue)
	}
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
	if c.privileges, err = cfg.Privileges(); err != nil {
		return err
	}
	if cfg.Pidfile != "" {
		if c.pidfile, err = master.LockPidfile(cfg.Pidfile); err != nil {
			return err
		}
		if p := c.privileges; p != nil {
			if err := c.pidfile.Give(p.UID, p.GID); err != nil {
				return err
			}
		}
	}
	if cfg.Logto != "" {
		if c.terminal, err = copyStderr(); err != nil {
			return err
		}
		if err := errors.Join(openLog(cfg.Logto), c.give(cfg.Logto)); err != nil {
			return err
		}
	}
	for _, note := range loaded.Notes {
		c.log.Info("configuration", "note", note.String())
	}
	c.metricsDir, err = c.findMetricsDir()
	return err
}

// enter gives up what privileges there are and makes the metrics directory this server's own, empty.
func (c *claim) enter() error {
	if p := c.privileges; p != nil {
		if err := errors.Join(c.sockets.Give(p.UID, p.GID), master.Drop(master.Privileges(*p))); err != nil {
			return err
		}
	}
	if c.cfg.Chdir != "" {
		if err := os.Chdir(c.cfg.Chdir); err != nil {
			return cli.Usage(err)
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

// give makes a file the property of the user that the server is to run as.
func (c *claim) give(path string) error {
	if c.privileges == nil {
		return nil
	}
	return os.Lchown(path, c.privileges.UID, c.privileges.GID)
}

// complain says why the start failed where people see it, too: the log may be a file.
func (c *claim) complain(err error) {
	if c.terminal != nil {
		fmt.Fprintln(c.terminal, "multiproc:", err)
	}
}

// close gives everything back. What cannot be removed any more, with fewer privileges, does no harm where it is.
func (c *claim) close() {
	var errs []error
	if c.directory != nil {
		if c.private {
			// While its lock is held. Whatever else somebody has put there stays, and the directory with it.
			errs = append(errs, c.directory.Wipe())
			_ = os.Remove(c.metricsDir)
		}
		errs = append(errs, c.directory.Close())
	}
	for _, set := range c.sets {
		errs = append(errs, set.Close(true))
	}
	if c.pidfile != nil {
		errs = append(errs, c.pidfile.Close())
	}
	if err := errors.Join(errs...); err != nil && !errors.Is(err, fs.ErrPermission) {
		c.log.Warn("not all could be given back", "error", err)
	}
	if c.queue != nil {
		c.queue.close()
	}
}
