package store

import (
	"context"
	"database/sql"
	"time"

	"multiproc/store/internal/sqlite"
)

// Tx is a transaction of the database. It belongs to the function that it was passed to, which must not use it from several
// goroutines at once, nor after it has returned.
//
// Besides the errors that a method names, each may fail with ErrUnavailable or with the error of the context. An Update must
// return such an error; nothing is stored then.
type Tx struct {
	ctx context.Context // of all its statements
	db  *sql.Conn       // the connection that is in the transaction
	now time.Time
}

// with adapts a function for the engine.
func with(f func(*Tx) error) func(sqlite.Tx) error {
	return func(t sqlite.Tx) error { return f(&Tx{ctx: t.Ctx, db: t.Conn, now: t.Now}) }
}

// Now returns the time of the transaction, in UTC, truncated to the microsecond: everything in it happens at once.
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
