package mpmetrics

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
)

// Reason says in what way a file, or a part of it, could not be used. It is the label of the gauge
// multiproc_metric_files_faulty, which counts files.
type Reason string

// Reasons.
const (
	ReasonEmpty      Reason = "empty"      // nothing in it, and not because it is being made at the moment
	ReasonDamaged    Reason = "damaged"    // the format ends before the file does: what is before it counts
	ReasonKey        Reason = "key"        // entries whose key is no sample of such a file: the others count
	ReasonConflict   Reason = "conflict"   // a family that another file gives with another type or mode
	ReasonForeign    Reason = "foreign"    // a name in .db that is no metric file's, or not a regular file
	ReasonUnreadable Reason = "unreadable" // the system refuses to open, read or map it
	ReasonDirectory  Reason = "directory"  // the directory itself cannot be read
)

// Fault is something in a metrics directory that could not be used.
type Fault struct {
	File   string // name in the directory; empty where it is the directory itself
	Offset int    // in bytes; -1 where it is the file as a whole
	Reason Reason // in one word
	Err    error  // the same for people; never nil
}

// String is one line: the file, the offset and what is wrong.
func (f *Fault) String() string {
	file := f.File
	if quoted := strconv.Quote(file); quoted != `"`+file+`"` {
		file = quoted // it is anybody's choice, and goes to a terminal
	}
	switch {
	case file == "":
		return f.Err.Error()
	case f.Offset < 0:
		return fmt.Sprintf("%s: %v", file, f.Err)
	}
	return fmt.Sprintf("%s: offset %d: %v", file, f.Offset, f.Err)
}

// errShrunk is what reading a mapping meets where somebody has cut the file short under it.
var errShrunk = errors.New("the file was cut short while it was read")

// recoverFault turns the panic of a memory fault into errShrunk. It is to be deferred, by a goroutine that has
// called debug.SetPanicOnFault, around whatever reads a mapping of other people's files.
func recoverFault(err *error) {
	switch r := recover().(type) {
	case nil:
	case interface {
		runtime.Error
		Addr() uintptr
	}:
		*err = errShrunk
	default:
		panic(r)
	}
}
