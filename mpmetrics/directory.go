package mpmetrics

import (
	"errors"
	"log/slog"

	"multiproc/mpmetrics/internal/dir"
)

// ErrHeld is returned if another live process holds a whole directory, or an id in it.
var ErrHeld = dir.ErrHeld

// Directory is a metrics directory for the process that starts the others: it wipes the directory at the start and sweeps up
// after dead processes. Processes that only write or read metrics need none; see NewWriter and NewCollector.
//
// Its methods are not safe for concurrent use.
type Directory struct {
	dir  dir.Dir
	log  *slog.Logger
	live *dir.Live // nil: not followed
}

// OpenDirectory opens a metrics directory for writing, and makes it if there is none. The caller must Close it.
//
// It refuses a symbolic link, a directory whose owner is neither this user nor root, directories that hold other files (/,
// /tmp, /var/tmp, /dev/shm, home directories), and network file systems, on which mappings are not shared. It logs a warning
// if other users can write to the directory. A nil log discards.
func OpenDirectory(path string, log *slog.Logger) (*Directory, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	d, err := dir.OpenWritable(path, log)
	if err != nil {
		return nil, err
	}
	return &Directory{dir: d, log: log}, nil
}

// Close closes the directory and gives up the lock that Wipe took. Closing it again is an error.
func (d *Directory) Close() error {
	if d.live == nil {
		return d.dir.Close()
	}
	return errors.Join(d.live.Close(), d.dir.Close())
}

// Wipe locks the directory for as long as d is open and removes the metrics of earlier runs from it. It fails with ErrHeld,
// and touches nothing, if another process has locked it.
//
// It removes files whose whole name is a metric file's and that are empty or begin with a plausible header, and the library's
// own subdirectory. Everything else stays and is logged. A process that still writes metrics there from before continues in
// memory.
func (d *Directory) Wipe() error { return d.dir.Wipe(d.log) }

// Reopen opens, locks and follows the directory at the path if the one that is open was removed or replaced, and makes it if
// there is none. If nothing has changed, it costs two system calls.
func (d *Directory) Reopen() error {
	if d.dir.IsAtPath() {
		return nil
	}
	fresh, err := dir.ReopenWritable(d.dir.Path())
	if err != nil {
		return err
	}
	if err := fresh.Lock(); err != nil {
		return errors.Join(err, fresh.Close())
	}
	err = d.Close()
	d.dir = fresh
	if d.live != nil {
		err = errors.Join(err, d.FollowLive())
	}
	return err
}

// FollowLive removes the live gauges of other libraries' processes when these exit, until d is closed, as prometheus_client's
// mark_process_dead does. Once a process has been seen with the file open, neither its parent nor the id in the file's name
// matters. If it exited before that, the id must be its pid. FollowLive must be called at most once.
func (d *Directory) FollowLive() error {
	live, err := d.dir.FollowLive(d.log)
	d.live = live
	return err
}

// MarkDead removes the live gauges of other libraries' files whose id is a pid, or the id. The caller knows that the process has
// exited, and has not reaped it, so that no other can have the pid; id may be empty. FollowLive must have been called.
func (d *Directory) MarkDead(pid int, id string) {
	if d.live != nil {
		d.live.MarkDead(pid, id)
	}
}

// Forget removes the lock of an id whose process is dead, and its live gauges. Otherwise a process of another
// library, which takes no lock, would count as dead if it used the id.
func (d *Directory) Forget(id string) error {
	if d.live != nil {
		d.live.Hurry()
	}
	return d.dir.Forget(id)
}

// Sweep removes the files of live gauges whose process is dead. They have not counted since its death, so this only keeps the
// directory small. Ids without a lock file belong to other libraries and are left to FollowLive.
func (d *Directory) Sweep() error {
	return d.dir.Sweep()
}
