package mpmetrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// settling is the age from which a file without content is faulty.
const settling = 10 * time.Second

// scan is the state of one reading of the directory that its files share.
type scan struct {
	dir    dir.Dir
	now    time.Time
	strict bool   // other users can write to the directory
	owner  uint32 // of the directory
}

// distrust returns the reason why a file in a directory to which other users can write is not trusted, or "".
func (sc *scan) distrust(st unix.Stat_t) string {
	switch {
	case !sc.strict:
		return ""
	case st.Uid != sc.owner && st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("belongs to user %d, in a directory to which other users can write", st.Uid)
	case st.Nlink != 1:
		return fmt.Sprintf("has %d names, in a directory to which other users can write", st.Nlink)
	}
	return ""
}

// load maps the file and reads its table. If it fails, the table has the readable part.
func (s *source) load(sc *scan, known *samples, like []entry) *Fault {
	fd, err := sc.dir.OpenFile(s.file, unix.O_RDONLY)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil // removed since it was listed
	case errors.Is(err, unix.ELOOP):
		return s.fault(ReasonForeign, errors.New("is a symbolic link"))
	case err != nil:
		return s.fault(ReasonUnreadable, errors.Unwrap(err))
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return s.fault(ReasonUnreadable, err)
	}
	if !osfile.IsRegular(&st) {
		return s.fault(ReasonForeign, errors.New("is not a regular file"))
	}
	if cause := sc.distrust(st); cause != "" {
		return s.fault(ReasonForeign, errors.New(cause))
	}
	fault := s.mapAndRead(fd, known, like)
	if fault != nil && fault.Reason == ReasonDamaged {
		// It may have been changing: growing, for example, between fstat and mmap.
		s.unmap()
		fault = s.mapAndRead(fd, known, like)
	}
	if fault != nil && (fault.Reason == ReasonEmpty || st.Size < format.HeaderSize) &&
		sc.now.Sub(time.Unix(st.Mtim.Unix())) < settling {
		return nil // a process may be creating it
	}
	return fault
}

// mapAndRead maps an open file at its current size and reads its table.
func (s *source) mapAndRead(fd int, known *samples, like []entry) *Fault {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return s.fault(ReasonUnreadable, err)
	}
	switch {
	case st.Size == 0:
		return s.fault(ReasonEmpty, errors.New("has no content"))
	case st.Size < format.HeaderSize:
		return s.fault(ReasonDamaged, fmt.Errorf("has only %d bytes", st.Size))
	}
	var err error
	if s.image, err = dir.Map(fd, 0, int(min(st.Size, format.MaxSize)), false); err != nil {
		return s.fault(ReasonUnreadable, err)
	}
	if err := s.read(known, like); err != nil {
		return s.fault(ReasonDamaged, err)
	}
	if s.used == 0 {
		s.unmap()
		return s.fault(ReasonEmpty, errors.New("used is 0"))
	}
	return nil
}

// read reads the table of the mapped file, up to the first damage.
func (s *source) read(known *samples, like []entry) (err error) {
	defer recoverFault(s.image, &err)
	s.used, s.table = s.image.Used(), nil
	if s.used == 0 {
		return nil
	}
	if s.used < format.HeaderSize {
		return &format.DamageError{Offset: 0, Problem: fmt.Sprintf("used is %d", s.used)}
	}
	s.table, s.layout, err = readTable(s.image, min(s.used, len(s.image)), known, like)
	if s.used > len(s.image) {
		return &format.DamageError{Offset: 0, Problem: fmt.Sprintf("used is %d in a file of %d bytes", s.used, len(s.image))}
	}
	return err
}

// unmap drops the mapping and the table.
func (s *source) unmap() {
	if s.image != nil {
		dir.Unmap(s.image)
	}
	s.image, s.used, s.table = nil, 0, nil
}
