package mpmetrics

import (
	"errors"
	"fmt"
	"strconv"

	"multiproc/mpmetrics/internal/format"
	"multiproc/mpmetrics/internal/mapped"
)

// Reason is the reason why a file, or part of it, could not be used. It is the label of the gauge
// multiproc_metric_files_faulty, which counts files.
type Reason string

// Reasons.
const (
	ReasonEmpty      Reason = "empty"      // it has no content, and is not just being created
	ReasonDamaged    Reason = "damaged"    // from some offset on it does not follow the format: the entries before it count
	ReasonKey        Reason = "key"        // it has entries whose key is not a sample of its type: the others count
	ReasonDialect    Reason = "dialect"    // it was written by GitLab's prometheus-client-mmap: none of it counts
	ReasonConflict   Reason = "conflict"   // it has a family that another file has with another type or mode
	ReasonForeign    Reason = "foreign"    // it ends in .db but is not named like a metric file, or is not a regular file
	ReasonUnreadable Reason = "unreadable" // the system refuses to open, read or map it
	ReasonLimit      Reason = "limit"      // it exceeds the number of files that are read, the first by name; one fault covers all of these
	ReasonDirectory  Reason = "directory"  // the directory itself cannot be read
)

// Fault is something in a metrics directory that could not be used.
type Fault struct {
	File   string // name in the directory; empty if it is the directory itself
	Offset int    // in bytes; -1 if it is the file as a whole
	Reason Reason
	Err    error // the details; never nil
}

// String returns one line: the file, the offset and the error.
func (f *Fault) String() string {
	file := f.File
	if quoted := strconv.Quote(file); quoted != `"`+file+`"` {
		file = quoted // it may hold any bytes, and goes to a terminal
	}
	switch {
	case file == "":
		return f.Err.Error()
	case f.Offset < 0:
		return fmt.Sprintf("%s: %v", file, f.Err)
	}
	return fmt.Sprintf("%s: offset %d: %v", file, f.Offset, f.Err)
}

// errTruncated is returned if a file was truncated while its mapping was read.
var errTruncated = errors.New("the file was truncated while it was read")

// recoverFault turns the panic of a fault in a mapping into errTruncated. Functions that read the mapping of another process's
// file defer it, in a goroutine that has called debug.SetPanicOnFault.
func recoverFault(m format.Image, err *error) {
	r := recover()
	switch {
	case r == nil:
	case mapped.IsFaultIn(m, r):
		*err = errTruncated
	default:
		panic(r)
	}
}
