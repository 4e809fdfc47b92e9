package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"
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
	if err != nil {
		// The pool must discard it: the log may have been replaced by the next time.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w.conn = conn
	w.files.Store(&files)
	return nil
}

// prepare makes a connection the writer's, and returns the files that it has open.
func prepare(ctx context.Context, conn *sql.Conn, database file) ([]file, error) {
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

// check fails with ErrUnavailable unless the files of the connection are still at their paths. A commit to others would be
// lost, and without its -wal and -shm the database would not be the one that other processes see.
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

// SQLite starts the log from its beginning once all of it is in the database and no process reads, which may never be. So a log
// that has become long is truncated.
const (
	longWAL     = 16 << 20    // bytes
	walInterval = time.Second // between two looks at its length
	walTimeout  = "250"       // for which readers are waited for, in milliseconds
)

// truncateWAL truncates a long log, in the lock, so that no process appends to it. Readers that begin meanwhile are not in the
// way. If it fails, it is tried again later.
func (w *writer) truncateWAL() {
	now := time.Now()
	if now.Before(w.walNext) {
		return
	}
	w.walNext = now.Add(walInterval)
	if size(w.file.path+"-wal") < longWAL {
		return
	}
	_ = w.exec("PRAGMA busy_timeout = " + walTimeout + "; PRAGMA wal_checkpoint(TRUNCATE)")
	_ = w.exec("PRAGMA busy_timeout = " + foreignTimeout) // after an error too, which the next commit returns
}
