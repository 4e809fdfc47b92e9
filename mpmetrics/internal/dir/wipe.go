package dir

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// Wipe locks the directory for as long as it is open and removes the metrics of earlier runs from it. It fails with ErrHeld,
// and touches nothing, if another process has locked it.
//
// It removes files whose whole name is a metric file's and that are empty or begin with a plausible header, and the
// subdirectory Own. Everything else stays and is logged.
func (d Dir) Wipe(log *slog.Logger) error {
	if err := d.Lock(); err != nil {
		return err
	}
	if err := d.wipeOwn(); err != nil {
		return err
	}
	var others []string
	metricFiles, err := d.names(func(name string) bool {
		n, ok := format.ParseFileName(name)
		if ok = ok && format.ValidID(n.ID); !ok {
			others = append(others, name)
		}
		return ok
	})
	if err != nil {
		return err
	}
	for _, name := range metricFiles {
		if !d.isWipeable(name) {
			others = append(others, name)
			continue
		}
		if err := d.Unlink(name); errors.Is(err, fs.ErrPermission) {
			others = append(others, name)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// A process that has taken an id meanwhile may have lost files: its lock file must go, so that it notices.
	if err := d.wipeOwn(); err != nil {
		return err
	}
	if len(others) > 0 {
		const named = 100 // there may be any number
		log.Warn("metrics directory keeps other files", "path", d.path, "files", others[:min(named, len(others))], "count", len(others))
	}
	return nil
}

// Lock locks the directory for as long as it is open. It fails with ErrHeld if another process has locked it.
func (d Dir) Lock() error {
	free, err := osfile.TryFlock(d.fd)
	if err == nil && !free {
		err = ErrHeld
	}
	if err != nil {
		return fmt.Errorf("lock metrics directory %s: %w", d.path, err)
	}
	return nil
}

// wipeOwn removes the subdirectory Own and the files in it.
func (d Dir) wipeOwn() error {
	own, err := d.openOwn()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil // not ours, so it is logged with the others
	case err != nil:
		return err
	}
	defer own.Close()
	names, err := own.names(func(string) bool { return true })
	if err != nil {
		return err
	}
	for _, name := range names {
		if st, err := own.Stat(name); err == nil && osfile.IsRegular(&st) {
			own.markWiped(name)
			if err := own.Unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := d.unlink(Own, unix.AT_REMOVEDIR); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

// isWipeable reports whether a file with the name of a metric file has the content of one, too.
func (d Dir) isWipeable(name string) bool {
	fd, err := d.OpenFile(name, unix.O_RDONLY)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || !osfile.IsRegular(&st) {
		return false
	}
	if st.Size == 0 {
		return true
	}
	header := make(format.Image, format.HeaderSize)
	return ReadStart(fd, header) == nil && header.Plausible(st.Size)
}

// Sweep removes the files of live gauges whose process is dead. They have not counted since its death, so this only keeps the
// directory small. Ids without a lock file belong to other libraries and are left alone.
func (d Dir) Sweep() error {
	ids := map[string]bool{}
	if _, err := d.names(func(name string) bool {
		if n, ok := format.ParseFileName(name); ok && n.Live() && format.ValidID(n.ID) {
			ids[n.ID] = true
		}
		return false
	}); err != nil {
		return err
	}
	var errs []error
	for id := range ids {
		errs = append(errs, d.sweep(id))
	}
	return errors.Join(errs...)
}

func (d Dir) sweep(id string) error {
	return d.whileDead(id, func(l *Lease) error { return l.RemoveLive() })
}

// Forget removes the lock file and the live gauges of an id that nobody holds. Then the id may be another library's.
func (d Dir) Forget(id string) error {
	return d.whileDead(id, func(l *Lease) error { return errors.Join(l.RemoveLive(), d.Unlink(lockName(id))) })
}

// whileDead calls do if an id has a lock file that nobody holds. Nobody can take the id meanwhile.
func (d Dir) whileDead(id string, do func(*Lease) error) error {
	fd, err := d.OpenFile(lockName(id), unix.O_RDWR)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	// A process that takes the id at this moment sweeps for itself.
	if free, err := osfile.TryLock(fd, sweepByte, osfile.Exclusive); err != nil || !free {
		return err
	}
	if held, err := osfile.IsLocked(fd, lifeByte); err != nil || held {
		return err
	}
	l := &Lease{Dir: d, ID: id, lock: fd}
	if l.Check() != nil {
		return nil // wiped in between: the files are those of a new process
	}
	return do(l)
}
