package sqlite

import (
	"errors"
	"fmt"

	"github.com/mattn/go-sqlite3"
)

// Errors that the methods of a DB classify their errors as.
var (
	ErrExists      = errors.New("exists already")
	ErrBusy        = errors.New("database is busy")
	ErrUnavailable = errors.New("database is unavailable")
	ErrClosed      = errors.New("database is closed")
)

// Classify wraps an error of the driver in the one of the errors above that its code stands for. Other errors, such as that
// of a wrong statement, it returns as they are.
func Classify(err error) error {
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
