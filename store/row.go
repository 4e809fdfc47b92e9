package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"multiproc/store/internal/sqlite"
)

// row is an *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

// found scans the row of a query, or returns ErrNotFound. The format and its arguments name the object in the error.
func found[T any](r row, scan func(row) (T, error), format string, args ...any) (T, error) {
	v, err := scan(r)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, fmt.Errorf(format+": %w", append(args, err)...)
	}
	return v, nil
}

// insert inserts a row and returns its id. The error, which begins with what, may be ErrExists.
func (tx *Tx) insert(what, query string, args ...any) (int64, error) {
	result, err := tx.exec(query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, unique(err))
	}
	return result.LastInsertId()
}

// change updates or deletes a row. The error, which begins with what, may be ErrNotFound or ErrExists.
func (tx *Tx) change(what, query string, args ...any) error {
	result, err := tx.exec(query, args...)
	if err != nil {
		return fmt.Errorf("%s: %w", what, unique(err))
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = fmt.Errorf("%s: %w", what, ErrNotFound)
	}
	return err
}

// unique returns ErrExists without the text of the driver, which names columns, and other errors as they are.
func unique(err error) error {
	if errors.Is(sqlite.Classify(err), ErrExists) {
		return ErrExists
	}
	return err
}

// moment scans a time from its column: microseconds since 1970, or NULL for the zero time.
type moment struct{ *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(column any) error {
	switch micros := column.(type) {
	case nil:
		*m.Time = time.Time{}
	case int64:
		*m.Time = time.UnixMicro(micros).UTC()
	default:
		return fmt.Errorf("scan time: unexpected type %T", column)
	}
	return nil
}

// micros returns the value of the column of a time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// cut returns a time as it is read back from the database.
func cut(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}
