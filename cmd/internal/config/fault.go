package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// Origin is where something was said: a line of a file, a flag, or nowhere.
type Origin struct {
	Place string // a file as it was named, "--processes", "$PROMETHEUS_MULTIPROC_DIR"; empty for what nobody said
	Line  int    // of the file, from 1; 0 where Place is no file, or the file as a whole
}

// String is "uwsgi.ini:7", "--processes", "$PROMETHEUS_MULTIPROC_DIR" or "default".
func (o Origin) String() string {
	switch {
	case o.Place == "":
		return "default"
	case o.Line == 0:
		return printable(o.Place)
	}
	return fmt.Sprintf("%s:%d", printable(o.Place), o.Line)
}

// Fault is one thing that is wrong with the configuration.
type Fault struct {
	Origin  Origin
	Message string
}

// String is one line: the origin, if there is one, and what is wrong.
func (f Fault) String() string { return remark(f.Origin, f.Message) }

// Note is something that the operator should know though it is no fault.
type Note struct {
	Origin  Origin
	Message string
}

// String is one line: the origin, if there is one, and what is to be known.
func (n Note) String() string { return remark(n.Origin, n.Message) }

func remark(origin Origin, message string) string {
	if origin == (Origin{}) {
		return message
	}
	return origin.String() + ": " + message
}

// Faults is everything that is wrong with a configuration, in the order of files and lines. What has no line comes
// last. It is never empty.
type Faults struct { //nolint:errname // it is what a caller prints, line by line
	List []Fault
}

// Error is a line for each fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// cause leaves out what the caller says of an error from the file system: operation and path.
func cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}
