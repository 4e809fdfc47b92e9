package store

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"multiproc/store/internal/sqlite"
)

// row is a row of an answer: an *sql.Row or *sql.Rows.
type row interface{ Scan(dest ...any) error }

// found is the row that a query asked for, or ErrNotFound. The format and its arguments say what it is, for the error.
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

// insert adds a row and returns its id. What it is, is for the error: ErrExists where it would be there twice.
func (tx *Tx) insert(what, query string, args ...any) (int64, error) {
	result, err := tx.exec(query, args...)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, unique(err))
	}
	return result.LastInsertId()
}

// change changes or deletes a row: ErrNotFound if there is none, ErrExists if another one has what must be unique.
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

// unique is ErrExists for the driver's error of a second row with the same key.
func unique(err error) error {
	if errors.Is(sqlite.Classify(err), ErrExists) {
		return ErrExists
	}
	return err
}

// moment scans a time out of its column: microseconds since 1970, NULL for the zero time.
type moment struct{ *time.Time }

// Scan is an sql.Scanner's.
func (m moment) Scan(column any) error {
	switch micros := column.(type) {
	case nil:
		*m.Time = time.Time{}
	case int64:
		*m.Time = time.UnixMicro(micros).UTC()
	default:
		return fmt.Errorf("a time is %T in the database", column)
	}
	return nil
}

// micros is what stands in the column for a time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// cut gives a time as it comes back out of the database.
func cut(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMicro(t.UnixMicro()).UTC()
}
