package mpmetrics

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// Sweep removes the files of live gauges whose process is gone. They do not count any more since then, so that
// this only keeps the directory small. Ids without a lock file are another library's and are left alone.
func (d *Directory) Sweep() error {
	var ids []string
	seen := map[string]bool{}
	if err := d.dir.list(make([]byte, 1<<16), func(name []byte, _ uint64, _ uint8) {
		n, ok := format.ParseFileName(string(name))
		if ok && n.Live() && format.ValidID(n.ID) && !seen[n.ID] {
			seen[n.ID] = true
			ids = append(ids, n.ID)
		}
	}); err != nil {
		return err
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, d.sweep(id))
	}
	return errors.Join(errs...)
}

func (d *Directory) sweep(id string) error {
	lock, err := d.dir.open(lockName(id), unix.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(lock)
	// A process that takes the id at this moment sweeps for itself.
	if free, err := tryLock(lock, sweepByte); err != nil || !free {
		return err
	}
	if alive, err := locked(lock); err != nil || alive {
		return err
	}
	if i := (identity{d.dir, id, lock}); !i.stands() {
		return nil // wiped in between: the files are those of a new process
	}
	return removeLive(d.dir, id)
}

// removeLive removes the files of an id that count only while its process lives.
func removeLive(dir dirfd, id string) error {
	var errs []error
	for mode := range format.Mode(format.Modes) {
		if n := (format.FileName{Kind: format.Kind{Type: format.Gauge, Mode: mode}, ID: id}); n.Live() {
			if err := dir.unlink(n.String()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
