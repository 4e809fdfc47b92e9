package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/mattn/go-sqlite3"
)

// What callers branch on.
var (
	ErrNotFound    = errors.New("not found")               // what was asked for, or what it is about
	ErrExists      = errors.New("exists already")          // a name that must be unique
	ErrBusy        = errors.New("database is busy")        // somebody else writes for too long: try again
	ErrUnavailable = errors.New("database is unavailable") // gone, replaced, read-only, full, damaged
	ErrClosed      = errors.New("database is closed")      // by Store.Close
)

// InvalidError is what is wrong with what was to be stored: all of it at once. There is at least one field.
type InvalidError struct{ Fields []FieldError }

// FieldError is what is wrong with one field, by its name, e.g. "amount". The problem goes after that, e.g. "is empty".
type FieldError struct{ Field, Problem string }

// Error is one line, with all fields.
func (e *InvalidError) Error() string {
	texts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		texts[i] = f.Field + ": " + f.Problem
	}
	return strings.Join(texts, "; ")
}

// classified gives an error of the driver the name that callers branch on, by its code. What has no name is a mistake of
// the program, and stays as it is: a constraint other than a unique one, a statement that is wrong.
func classified(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	driver, ok := errors.AsType[sqlite3.Error](err)
	if !ok {
		return err
	}
	class := class(driver)
	if class == nil || errors.Is(err, class) {
		return err
	}
	return fmt.Errorf("%w: %w", class, err)
}

func class(err sqlite3.Error) error {
	switch err.Code {
	case sqlite3.ErrBusy, sqlite3.ErrLocked:
		return ErrBusy
	case sqlite3.ErrConstraint:
		switch err.ExtendedCode {
		case sqlite3.ErrConstraintUnique, sqlite3.ErrConstraintPrimaryKey, sqlite3.ErrConstraintRowID:
			return ErrExists
		}
	case sqlite3.ErrReadonly, sqlite3.ErrFull, sqlite3.ErrIoErr, sqlite3.ErrCorrupt, sqlite3.ErrNotADB, sqlite3.ErrCantOpen,
		sqlite3.ErrPerm, sqlite3.ErrProtocol, sqlite3.ErrNoLFS, sqlite3.ErrNomem:
		return ErrUnavailable
	}
	return nil
}
