package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/internal/osfile"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// instance holds a server's exclusive resources. They are acquired in an order in which a second server that is started by
// mistake is refused before it has changed anything: pidfile, log, sockets, and only then, with privileges dropped, the metrics
// directory, which is wiped.
type instance struct {
	cfg        *config.Config
	privileges *config.Privileges // to continue with; nil: those of the start
	owner      *osfile.User       // the same user, as the owner of files that are made before; or nil
	log        *slog.Logger
	pidfile    *master.Pidfile // nil: none
	sockets    *listen.Sockets
	sets       []*listen.Set
	metricsDir string
	directory  *mpmetrics.Directory // nil until enter
	private    bool                 // the metrics directory is made for this server and removed with it

	queue    *logQueue // of the log; nil without a master
	terminal *os.File  // the stderr of the start, if the log is a file
}

// withInstance runs a server in an instance.
func withInstance(loaded *config.Loaded, sockets *listen.Sockets, run func(*instance) error) error {
	in := &instance{cfg: loaded.Config, sockets: sockets, log: cli.NewLogger(loaded.Config.LogFormat, os.Stderr)}
	if in.cfg.Master {
		in.queue = newLogQueue(os.Stderr, in.log)
		in.log = cli.NewLogger(in.cfg.LogFormat, in.queue)
	}
	defer in.close()
	err := in.acquire(loaded.Notes)
	if err == nil {
		err = run(in)
	}
	if err != nil && in.terminal != nil {
		fmt.Fprintln(in.terminal, "multiproc:", err) // where the user sees it: stderr is a file by now
	}
	return err
}

func (in *instance) acquire(notes []config.Remark) error {
	cfg := in.cfg
	// Workers inherit only what the master passes on, not what its own parent has left open.
	if err := osfile.CloseOnExec(3); err != nil {
		return err
	}
	in.sockets.Blocking = func(address string) {
		in.log.Warn("shared socket was blocking, made non-blocking again", "address", address)
	}
	if cfg.Umask != nil {
		syscall.Umask(int(*cfg.Umask))
	}
	var err error
	if in.privileges, err = cfg.Privileges(); err != nil {
		return err
	}
	if p := in.privileges; p != nil {
		in.owner = &osfile.User{UID: p.UID, GID: p.GID, Groups: p.Groups}
		in.sockets.Owner = in.owner
	}
	if cfg.Pidfile != "" {
		if in.pidfile, err = master.LockPidfile(cfg.Pidfile, in.owner); err != nil {
			return err
		}
	}
	if cfg.Logto != "" {
		stderr, err := copyStderr()
		if err != nil {
			return err
		}
		before, _ := osfile.IdentifyFD(unix.Stderr)
		if err := openLog(cfg.Logto, in.owner); err != nil {
			return errors.Join(err, stderr.Close())
		}
		if now, err := osfile.IdentifyFD(unix.Stderr); err != nil || now != before {
			in.terminal = stderr
		}
	}
	for _, note := range notes {
		in.log.Info("configuration", "note", note.String())
	}
	in.metricsDir, err = in.findMetricsDir()
	return err
}

// enter drops privileges, and opens and wipes the metrics directory.
func (in *instance) enter() error {
	if err := in.makeConfiguredDir(); err != nil {
		return err
	}
	if p := in.privileges; p != nil {
		if err := errors.Join(in.sockets.Chown(p.UID, p.GID), master.Drop(master.Privileges(*p))); err != nil {
			return err
		}
	}
	if in.cfg.Chdir != "" {
		if err := os.Chdir(in.cfg.Chdir); err != nil {
			return cli.Usage(err)
		}
	}
	var err error
	if in.directory, err = mpmetrics.OpenDirectory(in.metricsDir, in.log); err != nil {
		return err
	}
	return in.directory.Wipe()
}

// reopenLog opens the log file again, after it was renamed.
func (in *instance) reopenLog() error {
	if in.cfg.Logto == "" {
		return nil
	}
	return reopenLog(in.cfg.Logto)
}

// close releases everything. What cannot be removed for lack of privileges by now does no harm.
func (in *instance) close() {
	var errs []error
	if in.directory != nil {
		if in.private {
			// While its lock is held. Files that others have put there stay, and the directory with them.
			errs = append(errs, in.directory.Wipe())
			if place, err := osfile.Locate(in.metricsDir, nil); err == nil {
				_ = place.RemoveDir()
				_ = place.Close()
			}
		}
		errs = append(errs, in.directory.Close())
	}
	for _, set := range in.sets {
		errs = append(errs, set.Close(true))
	}
	if in.pidfile != nil {
		errs = append(errs, in.pidfile.Close())
	}
	if err := errors.Join(errs...); err != nil && !errors.Is(err, fs.ErrPermission) {
		in.log.Warn("cleanup failed", "error", err)
	}
	if in.queue != nil {
		in.queue.close()
	}
}
