package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
)

// foreignPatience is how long SQLite waits at a time for a program that writes without asking for the lock.
const foreignPatience = "50" // ms

// connect opens the connection if there is none.
func (w *writer) connect(ctx context.Context) error {
	if w.conn != nil {
		return nil
	}
	conn, err := w.db.Conn(ctx)
	if err != nil {
		return err
	}
	files, err := settle(ctx, conn, w.file)
	if err != nil {
		// It is not to be used again: its files may be others by then.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.conn = conn
	w.files.Store(&files)
	return nil
}

// settle makes a connection the writer's, and gives the files that it has open.
func settle(ctx context.Context, conn *sql.Conn, database file) ([]file, error) {
	if _, err := conn.ExecContext(ctx, "PRAGMA busy_timeout = "+foreignPatience); err != nil {
		return nil, err
	}
	var mode string
	if err := conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil { // it opens all files
		return nil, err
	}
	if mode != "wal" {
		return nil, errors.New("somebody ended its WAL mode: " + toMigrate)
	}
	files := []file{database}
	for _, suffix := range []string{"-wal", "-shm"} {
		f, err := identify(database.path + suffix)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// check tells whether the database is still at its path. Without its -wal and -shm, too, it would not be what others see.
func (w *writer) check() error {
	for _, f := range *w.files.Load() {
		if err := f.check(); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}
