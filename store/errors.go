package store

import (
	"errors"
	"strings"

	"multiproc/store/internal/sqlite"
)

// Errors that callers branch on, with errors.Is. See also InvalidError.
var (
	ErrNotFound    = errors.New("not found")
	ErrExists      = sqlite.ErrExists      // another row has the value that must be unique
	ErrBusy        = sqlite.ErrBusy        // other processes have been writing for too long: try again
	ErrUnavailable = sqlite.ErrUnavailable // removed, replaced, read-only, full or damaged
	ErrClosed      = sqlite.ErrClosed      // by Store.Close
)

// InvalidError is the error of something that cannot be stored: all its invalid fields, of which there is at least one.
type InvalidError struct{ Fields []FieldError }

// FieldError is the problem of a field, such as "is empty", which follows the field's name, such as "amount".
type FieldError struct{ Field, Problem string }

// Error returns all problems in one line.
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Field + ": " + f.Problem
	}
	return strings.Join(texts, "; ")
}
