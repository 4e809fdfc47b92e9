package mpmetrics

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// Wipe takes the directory for as long as d is open and removes the metrics of earlier runs from it. It fails
// with ErrHeld, and touches nothing, where another process has taken it.
//
// It removes files whose whole name is a metric file's and which are empty or begin with a plausible header, and
// the library's own subdirectory. Everything else stays and is named in the log. A process that still writes
// metrics there from before goes on in memory.
func (d *Directory) Wipe() error {
	if free, err := tryLockDir(d.dir); err != nil {
		return fmt.Errorf("lock metrics directory %s: %w", d.dir.path, err)
	} else if !free {
		return fmt.Errorf("wipe metrics directory %s: %w", d.dir.path, ErrHeld)
	}
	if err := d.wipeOwn(); err != nil {
		return err
	}
	var metricFiles, others []string
	err := d.dir.list(make([]byte, 1<<16), func(name []byte, _ uint64, _ uint8) {
		if n, ok := format.ParseFileName(string(name)); ok && format.ValidID(n.ID) {
			metricFiles = append(metricFiles, string(name))
		} else {
			others = append(others, string(name))
		}
	})
	if err != nil {
		return err
	}
	for _, name := range metricFiles {
		if !d.wipeable(name) {
			others = append(others, name)
			continue
		}
		if err := d.dir.unlink(name); errors.Is(err, fs.ErrPermission) {
			others = append(others, name)
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// Who has taken an id meanwhile may have lost files, and is to see it by the lock.
	if err := d.wipeOwn(); err != nil {
		return err
	}
	if len(others) > 0 {
		d.log.Warn("metrics directory holds other files, which stay", "path", d.dir.path, "files", others)
	}
	return nil
}

// wipeOwn removes the library's subdirectory and the files in it.
func (d *Directory) wipeOwn() error {
	own, err := d.dir.openOwn()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil // not ours, so it is named with the others
	case err != nil:
		return err
	}
	defer own.Close()
	var names []string
	if err := own.list(make([]byte, 1<<16), func(name []byte, _ uint64, _ uint8) {
		names = append(names, string(name))
	}); err != nil {
		return err
	}
	for _, name := range names {
		if st, err := own.stat(name); err == nil && regular(st) {
			if err := own.unlink(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := d.dir.rmdir(ownDir); err != nil && !errors.Is(err, unix.ENOTEMPTY) {
		return err
	}
	return nil
}

// wipeable reports whether a file of the right name has the content of a metric file too.
func (d *Directory) wipeable(name string) bool {
	fd, err := d.dir.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || !regular(st) {
		return false
	}
	if st.Size == 0 {
		return true
	}
	header := make(format.Image, format.HeaderSize)
	if readStart(fd, header) != nil {
		return false
	}
	used := header.Used()
	return used%8 == 0 && (used == 0 || used >= format.HeaderSize && int64(used) <= st.Size) && string(header[4:]) == "\x00\x00\x00\x00"
}
