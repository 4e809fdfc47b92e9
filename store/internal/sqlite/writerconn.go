package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// foreignTimeout is the time, in milliseconds, for which SQLite waits at once for a program that writes without the lock.
const foreignTimeout = "50"

// connect opens the connection if there is none.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	files, err := prepare(ctx, conn, w.file)
	if err == nil {
		files.log, err = w.keepLog()
	}
	if err != nil {
		discard(conn) // the log may have been replaced by the next time
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.conn = conn
	if previous := w.files.Swap(files); previous != nil && previous.log != files.log {
		w.logReplaced()
	}
	return nil
}

// discard closes a connection that the pool must not keep.
func discard(conn *sql.Conn) { _ = conn.Raw(func(any) error { return driver.ErrBadConn }) }

// prepare makes a connection the writer's, and returns the files that it has open, but for the log.
func prepare(ctx context.Context, conn *sql.Conn, database file) (*openFiles, error) {
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+foreignTimeout); err != nil {
		return nil, err
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil { // which opens the log
		return nil, err
	}
	if mode != "wal" {
		return nil, errors.New(`another program has ended its WAL mode: run "multiproc migrate"`)
	}
	index, err := identify(database.path + "-shm")
	if err != nil {
		return nil, err
	}
	return &openFiles{database: database, index: index}, nil
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}
