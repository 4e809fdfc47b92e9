package mpmetrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

const (
	// settling is how old a file without content must be to count as faulty.
	settling = 10 * time.Second
	// maxMapped bounds the mappings, of which Linux lets a process have 65,530, the Go runtime's included.
	maxMapped = 1 << 15
	// relook is how often a damaged file is read again though its header has not changed.
	relook = 10 * time.Second
)

// source is a metric file as a reader knows it: mapped, with the table of its entries, which grows with the file.
type source struct {
	format.FileName
	file    string // its name in the directory
	foreign bool   // by its name or type
	inode   uint64 // as the directory lists it; not given to another file as long as this one is mapped
	listed  uint8  // the type that it has there, one of unix.DT_*
	seen    uint64 // number of the last listing that had it
	counts  bool   // false for a live gauge of a dead process

	image  format.Image // the whole file, as long as it was when it was mapped; nil where there is nothing to read
	used   int          // what the header said when the table was read
	layout format.Layout
	table  []entry
	looked time.Time

	faults []*Fault // what is wrong with it now, at most one for a reason
}

// newSource makes the source of a listed file, whose type is one of unix.DT_*.
func newSource(file string, inode uint64, typ uint8) *source {
	s := &source{file: file, inode: inode, listed: typ}
	var ok bool
	s.FileName, ok = format.ParseFileName(file)
	switch {
	case !ok:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is not named as a metric file is"))}
	case typ == unix.DT_LNK:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is a symbolic link"))}
	case typ != unix.DT_REG && typ != unix.DT_UNKNOWN:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is not a regular file"))}
	}
	s.foreign = len(s.faults) > 0
	return s
}

// visit is what is the same for all files of one reading.
type scan struct {
	dir    dir.Dir
	now    time.Time
	strict bool   // others may write to the directory
	owner  uint32 // of the directory
	mapped int    // files so far
}

// distrusts says why a file in a directory that others may write to is none of the owner's, or nothing.
func (v *scan) distrusts(st unix.Stat_t) string {
	switch {
	case !v.strict:
		return ""
	case st.Uid != v.owner && st.Uid != 0 && int(st.Uid) != os.Geteuid():
		return fmt.Sprintf("belongs to user %d, in a directory that others may write to", st.Uid)
	case st.Nlink != 1:
		return fmt.Sprintf("has %d names, in a directory that others may write to", st.Nlink)
	}
	return ""
}

// refresh brings the table up to date and reports whether it or the faults have changed. The caller must have
// called debug.SetPanicOnFault.
func (s *source) refresh(v *scan, known *samples, like []entry) (changed bool) {
	switch s.follow(known, v.now) {
	case unchanged:
		return false
	case grown:
		return true
	}
	table, reasons := s.table, s.reasons()
	s.unmap()
	s.faults, s.looked = nil, v.now
	if fault := s.load(v, known, like); fault != nil {
		s.faults = append(s.faults, fault)
	}
	s.noteKeys()
	return reasons != s.reasons() || !slices.Equal(table, s.table)
}

// progress is what became of a file since it was read.
type change int

const (
	replaced change = iota // to be read from the beginning
	unchanged
	grown
)

// follow sees whether nothing has changed, or only entries were added within what is mapped, and reads these.
func (s *source) follow(known *samples, now time.Time) (p change) {
	if s.image == nil {
		return replaced
	}
	var err error
	defer func() {
		if err != nil {
			p = replaced
		}
	}()
	defer recoverFault(&err)
	switch used := s.image.Used(); {
	case s.hasFault(ReasonDamaged):
		if used == s.used && s.whole() && now.Sub(s.looked) < relook {
			return unchanged
		}
		return replaced
	case used < s.used || used > len(s.image) || !s.whole():
		return replaced
	case used == s.used:
		return unchanged
	default:
		var table []entry
		if table, err = extendTable(s.image, s.used, used, s.layout, known, s.table, nil); err != nil {
			return replaced
		}
		s.table, s.used = table, used
		s.noteKeys()
		return grown
	}
}

// whole reports whether the file still reaches to its last value. Where it was cut short within a page there are zeros
// instead of the space before the value; beyond the page there is a memory fault.
func (s *source) whole() bool {
	return len(s.table) == 0 || s.image[s.table[len(s.table)-1].value-1] == ' '
}

// load maps the file and reads its table. Where it fails the table has what was readable.
func (s *source) load(v *scan, known *samples, like []entry) *Fault {
	fd, err := v.dir.OpenFile(s.file, unix.O_RDONLY)
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
	if cause := v.distrusts(st); cause != "" {
		return s.fault(ReasonForeign, errors.New(cause))
	}
	if v.mapped >= maxMapped {
		return s.fault(ReasonUnreadable, fmt.Errorf("there are more than %d files", maxMapped))
	}
	fault := s.mapAndRead(fd, known, like)
	if fault != nil && fault.Reason == ReasonDamaged {
		// It may have been caught in the middle of something: it grows, for one, between fstat and mmap.
		s.unmap()
		fault = s.mapAndRead(fd, known, like)
	}
	if fault != nil && (fault.Reason == ReasonEmpty || st.Size < format.HeaderSize) &&
		v.now.Sub(time.Unix(st.Mtim.Unix())) < settling {
		return nil // a process may be making it
	}
	return fault
}

// mapAndRead maps an open file as it is at the moment and reads its table.
func (s *source) mapAndRead(fd int, known *samples, like []entry) *Fault {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return s.fault(ReasonUnreadable, err)
	}
	switch {
	case st.Size == 0:
		return s.fault(ReasonEmpty, errors.New("has no content"))
	case st.Size < format.HeaderSize:
		return s.fault(ReasonDamaged, fmt.Errorf("has %d bytes, fewer than a header", st.Size))
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

// read reads the table of what is mapped, up to the first damage.
func (s *source) read(known *samples, like []entry) (err error) {
	defer recoverFault(&err)
	s.used, s.table = s.image.Used(), nil
	if s.used == 0 {
		return nil
	}
	if s.used < format.HeaderSize {
		return &format.Damage{Offset: 0, Problem: fmt.Sprintf("used is %d", s.used)}
	}
	s.table, s.layout, err = readTable(s.image, min(s.used, len(s.image)), known, like)
	if s.used > len(s.image) {
		return &format.Damage{Offset: 0, Problem: fmt.Sprintf("used is %d in a file of %d bytes", s.used, len(s.image))}
	}
	return err
}

// unmap gives up the mapping and the table.
func (s *source) unmap() {
	if s.image != nil {
		dir.Unmap(s.image)
	}
	s.image, s.used, s.table = nil, 0, nil
}

// noteKeys sees to it that the faults tell of keys that cannot be exposed.
func (s *source) noteKeys() {
	if s.hasFault(ReasonKey) {
		return
	}
	for _, e := range s.table {
		if e.sample.err != nil {
			s.faults = append(s.faults, s.badKey(e))
			return
		}
	}
}

func (s *source) badKey(e entry) *Fault {
	return &Fault{s.file, e.offset(), ReasonKey, e.sample.err}
}

func (s *source) fault(r Reason, err error) *Fault {
	f := &Fault{s.file, -1, r, err}
	if d, ok := errors.AsType[*format.Damage](err); ok {
		f.Offset, f.Err = d.Offset, errors.New(d.Problem)
	}
	return f
}

func (s *source) hasFault(r Reason) bool {
	for _, f := range s.faults {
		if f.Reason == r {
			return true
		}
	}
	return false
}

// reasons is what the faults look like from outside, to be compared.
func (s *source) reasons() (all string) {
	for _, f := range s.faults {
		all += string(f.Reason) + " "
	}
	return all
}
