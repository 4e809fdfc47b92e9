package store

import (
	"context"
	"database/sql"
	"time"
)

// Tx is a transaction of the database. It belongs to the function that it was given to, which must not use it in several
// goroutines at once, nor when it has returned.
//
// Beside the errors that a method names, each may fail with ErrUnavailable or with that of the context. An Update returns it,
// and then nothing is stored.
type Tx struct {
	ctx context.Context // a Tx lives no longer than the call that it belongs to
	db  *sql.Conn
	now time.Time
}

// Now is the time of the transaction: everything in it happens at once. In UTC, to the microsecond, as it is stored.
func (tx *Tx) Now() time.Time { return tx.now }

func (tx *Tx) exec(query string, args ...any) (sql.Result, error) {
	return tx.db.ExecContext(tx.ctx, query, args...)
}

func (tx *Tx) query(query string, args ...any) (*sql.Rows, error) {
	return tx.db.QueryContext(tx.ctx, query, args...)
}

func (tx *Tx) queryRow(query string, args ...any) *sql.Row {
	return tx.db.QueryRowContext(tx.ctx, query, args...)
}
