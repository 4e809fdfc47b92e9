package mpmetrics

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// relook is the interval at which a damaged file is read again though its header has not changed.
const relook = 10 * time.Second

// source is a metric file that a reader has mapped, with the table of its entries, which grows with the file.
type source struct {
	format.FileName
	file    string // its name in the directory
	foreign bool   // by its name or type
	inode   uint64 // as listed; not reused as long as the file is mapped
	listed  uint8  // type as listed, one of unix.DT_*
	seen    uint64 // number of the last listing that had it
	counts  bool   // false for live gauges of a dead process

	image  format.Image // the whole file at the size at which it was mapped; nil if there is nothing to read
	used   int          // as in the header when the table was read
	layout format.Layout
	table  []entry
	looked time.Time // when it was last read from the beginning

	faults []*Fault // at most one for a reason
}

// newSource makes the source of a listed file, whose type is one of unix.DT_*.
func newSource(file string, inode uint64, typ uint8) *source {
	s := &source{file: file, inode: inode, listed: typ}
	var ok bool
	s.FileName, ok = format.ParseFileName(file)
	switch {
	case !ok:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is not named like a metric file"))}
	case typ == unix.DT_LNK:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is a symbolic link"))}
	case typ != unix.DT_REG && typ != unix.DT_UNKNOWN:
		s.faults = []*Fault{s.fault(ReasonForeign, errors.New("is not a regular file"))}
	}
	s.foreign = len(s.faults) > 0
	return s
}

// refresh brings the table up to date and reports whether it or the faults have changed. The caller must have called
// debug.SetPanicOnFault.
func (s *source) refresh(sc *scan, known *samples, like []entry) (changed bool) {
	switch s.follow(known, sc.now) {
	case unchanged:
		return false
	case grown:
		return true
	}
	table, reasons := s.table, s.reasons()
	s.unmap()
	s.faults, s.looked = nil, sc.now
	if fault := s.load(sc, known, like); fault != nil {
		s.faults = append(s.faults, fault)
	}
	s.checkKeys()
	return reasons != s.reasons() || !slices.Equal(table, s.table)
}

// change is the kind of change of a file since it was read.
type change int

const (
	replaced change = iota // it must be read from the beginning
	unchanged
	grown
)

// follow returns how the file has changed. If entries were added within the mapping, it reads them.
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
	defer recoverFault(s.image, &err)
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
		s.checkKeys()
		return grown
	}
}

// whole reports whether the file still reaches its last value. If it was truncated within a page, the space before the value
// is a zero; beyond the page there is a memory fault.
func (s *source) whole() bool {
	return len(s.table) == 0 || s.image[s.table[len(s.table)-1].value-1] == ' '
}

// checkKeys adds a fault for the first key that cannot be exposed, or for the whole file if it is in another format.
func (s *source) checkKeys() {
	if s.hasFault(ReasonDialect) {
		return
	}
	isGitLab := func(e entry) bool { return errors.Is(e.sample.err, format.ErrGitLab) }
	if slices.ContainsFunc(s.table, isGitLab) {
		s.faults = append(s.faults, s.fault(ReasonDialect, fmt.Errorf("has %w", format.ErrGitLab)))
		return
	}
	bad := slices.IndexFunc(s.table, func(e entry) bool { return e.sample.err != nil })
	if bad >= 0 && !s.hasFault(ReasonKey) {
		s.faults = append(s.faults, s.badKey(s.table[bad]))
	}
}

func (s *source) badKey(e entry) *Fault {
	return &Fault{s.file, e.offset(), ReasonKey, e.sample.err}
}

func (s *source) fault(r Reason, err error) *Fault {
	f := &Fault{s.file, -1, r, err}
	if d, ok := errors.AsType[*format.DamageError](err); ok {
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

// reasons returns the reasons of all faults, for comparison.
func (s *source) reasons() (all string) {
	for _, f := range s.faults {
		all += string(f.Reason) + " "
	}
	return all
}
