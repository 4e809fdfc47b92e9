package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

// openFiles are the files that the writer's connection has open. An openFiles is not changed once it is published.
type openFiles struct {
	database   file
	index, log file // the zero file before there is a connection
}

// check fails with ErrUnavailable unless all files are still at their paths. A commit to other files would be lost.
func (o *openFiles) check() error {
	if err := o.database.check(); err != nil || o.log.path == "" {
		return err
	}
	if err := o.index.check(); err != nil {
		return fmt.Errorf("%w: a reload of the server restores it", err)
	}
	return o.log.check()
}

// lacksLog reports whether the log, and no other file, is missing from its path.
func (o *openFiles) lacksLog() bool {
	return o.log.path != "" && o.log.check() != nil && o.index.check() == nil && o.database.check() == nil
}

// restoreLog reconnects the writer if its log is no longer at its path. It is called with the lock held and no transaction begun.
//
// The processes that have a database open share the index of its log. They would go on with a log that was removed, and its
// changes would be lost once the last of them has ended. So the first process that misses the log moves its changes into the
// database and truncates it. Then each process opens the log at the path, including those that find theirs already truncated.
func (w *writer) restoreLog(ctx context.Context) error {
	if w.conn == nil || !w.files.Load().lacksLog() {
		return nil
	}
	path := w.file.path + "-wal"
	if w.logSize() > 0 {
		if size(path) > 0 {
			return fmt.Errorf("%w: another %s was put in place: put back the right one, or stop all programs that use the database",
				ErrUnavailable, path)
		}
		if err := w.saveLog(ctx); err != nil {
			return fmt.Errorf("%w: %s was removed and is not saved yet: %w", ErrUnavailable, path, err)
		}
		w.options.Logger.Warn("log of the database was removed while in use, its changes are saved", "path", path)
	}
	removed := w.conn
	w.conn = nil
	if err := w.connect(ctx); err != nil {
		w.conn = removed
		return err
	}
	discard(removed) // only now: the last connection of all would remove the new log
	return nil
}

// saveLog moves the changes of the log into the database, and truncates it.
func (w *writer) saveLog(ctx context.Context) error {
	if err := w.exec("PRAGMA busy_timeout = " + walTimeout); err != nil {
		return err
	}
	var busy, frames, moved int
	err := w.conn.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &frames, &moved)
	err = errors.Join(err, w.exec("PRAGMA busy_timeout = "+foreignTimeout))
	if err == nil && busy != 0 {
		err = errors.New("it is being read")
	}
	return err
}

// keepLog keeps a descriptor of the log that the connection has just opened, and returns its identity: both must be of the same file,
// however often it is replaced.
func (w *writer) keepLog() (file, error) {
	path := w.file.path + "-wal"
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0) // closing such a descriptor drops no locks
	if err != nil {
		return file{}, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	id, err := osfile.IdentifyFD(fd)
	if err != nil {
		_ = unix.Close(fd)
		return file{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	w.closeLog()
	w.log = fd
	return file{path, id}, nil
}

func (w *writer) closeLog() {
	if w.log >= 0 {
		_ = unix.Close(w.log)
		w.log = -1
	}
}

// logSize returns the size in bytes of the log that the connection has open, even if it was removed.
func (w *writer) logSize() int64 {
	var stat unix.Stat_t
	_ = unix.Fstat(w.log, &stat) // it is open
	return stat.Size
}

// awaitLog waits for the processes that have the database open to restore its log, if that is missing: without it, the database
// lacks the latest changes.
func awaitLog(ctx context.Context, path string) error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for logMissing(path) {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("%w: %s-wal was removed while processes have the database open: stop them", ErrUnavailable, path)
		}
	}
	return nil
}

// logMissing reports whether processes have a database open whose log is gone. SQLite creates the index of a log after it.
func logMissing(path string) bool {
	if size(path+"-shm") == 0 {
		return false
	}
	_, err := identify(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) && occupied(path)
}

// SQLite starts the log from its beginning once all of it is in the database and no process reads, which may never be. So a log
// that has become long is truncated.
const (
	longWAL     = 16 << 20    // bytes
	walInterval = time.Second // between two looks at its length
	logInterval = time.Second // between two checks that the log is at its path
	walTimeout  = "250"       // for readers to end, in milliseconds
)

// truncateWAL truncates a long log, in the lock, so that no process appends to it. Readers that begin meanwhile are not in the
// way. If it fails, it is tried again later.
func (w *writer) truncateWAL() {
	now := time.Now()
	if now.Before(w.walNext) {
		return
	}
	w.walNext = now.Add(walInterval)
	if size(w.file.path+"-wal") < longWAL {
		return
	}
	_ = w.exec("PRAGMA busy_timeout = " + walTimeout + "; PRAGMA wal_checkpoint(TRUNCATE)")
	_ = w.exec("PRAGMA busy_timeout = " + foreignTimeout) // after an error too, which the next commit returns
}
