package mpmetrics

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// The master may leave a note in the directory, of whatever it likes to tell those who look there when it cannot be asked:
// because it hangs, is dead, or the directory was copied. It lies in .mpm and is wiped with the rest.
const (
	noteName    = ownDir + "/master.note"
	newNoteName = noteName + ".new"
	maxNote     = 1 << 20 // bytes
)

// Leave replaces the note that Inspections of the directory have. Who reads it gets the old or the new one, whole. It may be
// called while another goroutine calls Sweep.
func (d *Directory) Leave(note []byte) error {
	if len(note) > maxNote {
		return fmt.Errorf("leave note in %s: %d bytes are too many", d.dir.path, len(note))
	}
	if err := makeOwnDir(d.dir); err != nil {
		return err
	}
	// Of a master that was killed.
	if err := d.dir.unlink(newNoteName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fd, err := d.dir.open(newNoteName, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	if err := errors.Join(writeAt(fd, note, 0), unix.Close(fd)); err != nil {
		return errors.Join(fmt.Errorf("leave note in %s: %w", d.dir.path, err), d.dir.unlink(newNoteName))
	}
	return d.dir.rename(newNoteName, noteName)
}

// readNote gives the note, or nothing where there is none that could be read.
func readNote(dir dirfd) []byte {
	fd, err := dir.open(noteName, unix.O_RDONLY, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || !regular(st) || st.Size > maxNote {
		return nil
	}
	note := make([]byte, st.Size)
	if readStart(fd, note) != nil {
		return nil
	}
	return note
}
