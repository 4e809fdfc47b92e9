package config

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Origin is the place of a setting: a line of a file, a flag, a variable, or none.
type Origin struct {
	Place string // a file as it was named, "--processes", "$PROMETHEUS_MULTIPROC_DIR"; empty for a default
	Line  int    // of the file, from 1; 0 if Place is not a file, or for the whole file
}

// String returns "uwsgi.ini:7", "--processes", "$PROMETHEUS_MULTIPROC_DIR" or "default".
func (o Origin) String() string {
	switch {
	case o.Place == "":
		return "default"
	case o.Line == 0:
		return printable(o.Place)
	}
	return fmt.Sprintf("%s:%d", printable(o.Place), o.Line)
}

// Remark is a message about one place of the configuration: a fault, or a note for the operator.
type Remark struct {
	Origin  Origin
	Message string
}

// String returns one line: the origin, if there is one, and the message.
func (r Remark) String() string {
	if r.Origin == (Origin{}) {
		return r.Message
	}
	return r.Origin.String() + ": " + r.Message
}

// remarks collects faults and notes.
type remarks struct{ faults, notes []Remark }

func (r *remarks) fault(origin Origin, format string, args ...any) {
	r.faults = append(r.faults, Remark{origin, fmt.Sprintf(format, args...)})
}

func (r *remarks) note(origin Origin, format string, args ...any) {
	r.notes = append(r.notes, Remark{origin, fmt.Sprintf(format, args...)})
}

// Faults are all errors in a configuration, in the order of files and lines; those without a line come last. There is at least
// one.
type Faults struct { //nolint:errname // callers print it line by line
	List []Remark
}

// Error returns one line per fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.List))
	for i, fault := range f.List {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// cause strips operation and path from an error of the file system, since the caller names them.
func cause(err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// printable returns a text from outside, such as a path, fit for a terminal.
func printable(text string) string {
	if unprintable(text, "") != "" {
		return strconv.Quote(text)
	}
	return text
}

// quoted returns a text from outside as a part of a message. Long ones are cut.
func quoted(text string) string {
	const enough = 80
	if runes := []rune(text); len(runes) > enough {
		return strconv.Quote(string(runes[:enough])) + "…"
	}
	return strconv.Quote(text)
}

// unprintable describes the first part of a text that is not printable, or returns nothing. Control characters in allowed pass.
func unprintable(text, allowed string) string {
	for i, r := range text {
		switch {
		case r == 0:
			return "a NUL byte"
		case r == utf8.RuneError:
			if _, width := utf8.DecodeRuneInString(text[i:]); width == 1 {
				return fmt.Sprintf("byte 0x%02x, which is not UTF-8", text[i])
			}
		case unicode.IsControl(r) && !strings.ContainsRune(allowed, r):
			return fmt.Sprintf("the control character %U", r)
		}
	}
	return ""
}
