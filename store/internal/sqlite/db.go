// Package sqlite is the embedded engine of the store: SQLite in WAL mode, shared by any number of processes. It handles
// connections, commits and locks, and does not depend on the schema.
//
// Each process has a few connections for reading, which wait for no writer, and one for writing, on which updates that are
// requested at the same time become one commit. A fair lock on a file beside the database lets the processes write in turn.
package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Options configure a DB. All fields but Check, Maintain and Committing must be set.
type Options struct {
	Synchronous string        // "full" or "normal", as the pragma
	Timeout     time.Duration // how long a write waits for its turn
	Logger      *slog.Logger
	Now         func() time.Time

	// Check, if set, refuses a database before anything is written beside it.
	Check func(context.Context, *sql.DB) error
	// Maintain, if set, is called by the first commit of a minute, and again by the next ones until it reports that it is done.
	// Its error is logged and undoes nothing but its own changes.
	Maintain func(Tx) (done bool, err error)
	// Idle is the interval of the commits of a process that writes nothing, made for the sake of Maintain.
	Idle time.Duration
	// Committing, if set, is called before each commit, with the lock held; for tests.
	Committing func()
}

// Tx is a transaction. It belongs to the function that it is passed to, until that returns.
type Tx struct {
	Ctx  context.Context // of all its statements
	Conn *sql.Conn       // the connection that is in the transaction
	Now  time.Time       // when it began, in UTC, truncated to the microsecond
}

// now returns the time of a transaction that begins now.
func (o Options) now() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }

// DB is an open database. Its methods may be called concurrently.
type DB struct {
	options Options
	file    file
	tenancy *tenancy
	readers atomic.Pointer[sql.DB]
	writer  *writer

	// Semaphores of View and ViewReserved.
	views    chan struct{}
	reserved chan struct{}
}

// MaxViews bounds the concurrent Views of a process, each of which has a connection with a cache of its own. ViewReserved has
// one more.
const MaxViews = 4

// Open opens the database at a path, which must exist. The caller closes it. See store.Open.
func Open(ctx context.Context, path string, options Options) (*DB, error) {
	db, err := open(ctx, path, options)
	return db, Classify(err)
}

func open(ctx context.Context, path string, options Options) (*DB, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, err
	}
	if err := checkGone(path); err != nil {
		return nil, err
	}
	file, err := identify(path)
	if err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	if err := awaitLog(waiting, path); err != nil {
		return nil, err
	}
	tenancy, err := enter(waiting, file, false)
	if err != nil {
		return nil, err
	}
	db := &DB{
		options: options, file: file, tenancy: tenancy, views: make(chan struct{}, MaxViews), reserved: make(chan struct{}, 1),
	}
	db.openReaders()
	if options.Check != nil {
		if err := options.Check(ctx, db.readers.Load()); err != nil {
			return nil, errors.Join(err, db.release())
		}
	}
	if db.tenancy == nil {
		if db.tenancy, err = enter(waiting, file, true); err != nil {
			return nil, errors.Join(err, db.release())
		}
	}
	if db.writer, err = openWriter(ctx, file, options, db.openReaders); err != nil {
		return nil, errors.Join(err, db.release())
	}
	return db, nil
}

// openReaders opens the pool of the readers, in place of one whose connections have a log that was removed.
func (db *DB) openReaders() {
	readers := openPool(db.file, forReading, db.options)
	readers.SetMaxOpenConns(MaxViews + 1)
	readers.SetMaxIdleConns(MaxViews + 1)
	if removed := db.readers.Swap(readers); removed != nil {
		_ = removed.Close() // its views go on
	}
}

// Close is store.Store.Close.
func (db *DB) Close() error {
	return errors.Join(db.writer.close(), db.release())
}

// release closes everything but the writer.
func (db *DB) release() error {
	err := db.readers.Load().Close()
	db.tenancy.leave()
	return err
}

// View is store.Store.View, on one of the MaxViews connections.
func (db *DB) View(ctx context.Context, f func(Tx) error) error {
	return Classify(db.view(ctx, db.views, f))
}

// ViewReserved is View on a connection that View does not use. Its calls wait for one another, but for no View.
func (db *DB) ViewReserved(ctx context.Context, f func(Tx) error) error {
	return Classify(db.view(ctx, db.reserved, f))
}

func (db *DB) view(ctx context.Context, semaphore chan struct{}, f func(Tx) error) error {
	select {
	case semaphore <- struct{}{}:
		defer func() { <-semaphore }()
	case <-db.writer.closing.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	if db.writer.closing.Err() != nil {
		return ErrClosed
	}
	files := db.writer.files.Load()
	if err := files.check(); err != nil {
		if !files.lacksLog() {
			return err
		}
		if err := db.writer.update(ctx, nothing); err != nil { // which restores the log
			return err
		}
	}
	readers := db.readers.Load()
	conn, err := readers.Conn(ctx)
	for err != nil && readers != db.readers.Load() {
		readers = db.readers.Load()
		conn, err = readers.Conn(ctx)
	}
	if err != nil && db.writer.closing.Err() != nil {
		return ErrClosed
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	// With a transaction of its own, the pool would discard the connection whenever ctx is done.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN"); err != nil {
		return err
	}
	defer rollback(conn)
	return f(Tx{Ctx: ctx, Conn: conn, Now: db.options.now()})
}

// Update is store.Store.Update.
func (db *DB) Update(ctx context.Context, f func(Tx) error) error {
	return Classify(db.writer.update(ctx, f))
}

// rollback ends a transaction, unless SQLite has ended it, and reports whether the connection is still usable. If not, the
// pool discards it.
func rollback(conn *sql.Conn) bool {
	if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err == nil {
		return true
	}
	return conn.Raw(func(conn any) error {
		if !conn.(*sqlite3.SQLiteConn).AutoCommit() {
			return driver.ErrBadConn
		}
		return nil
	}) == nil
}

// Migrate calls up with a pool of connections that write to the database at path, in WAL mode, while it holds the lock. It
// creates the database if there is none. Processes that have it open can still read. It fails with ErrBusy if others hold the
// lock for longer than Options.Timeout. A file that Options.Check refuses is left as it is, with nothing beside it.
func Migrate(ctx context.Context, path string, options Options, up func(context.Context, *sql.DB) error) error {
	return Classify(migrate(ctx, path, options, up))
}

func migrate(ctx context.Context, path string, options Options, up func(context.Context, *sql.DB) error) error {
	path, err := create(path)
	if err != nil {
		return err
	}
	file, err := identify(path)
	if err != nil {
		return err
	}
	if err := checkGone(path); err != nil { // again, as path no longer contains symbolic links
		return err
	}
	waiting, cancel := context.WithTimeoutCause(ctx, options.Timeout, ErrBusy)
	defer cancel()
	if err := awaitLog(waiting, path); err != nil {
		return err
	}
	tenancy, err := enter(waiting, file, false)
	if err != nil {
		return err
	}
	defer tenancy.leave()
	db := openPool(file, forWriting, options)
	defer db.Close()
	if options.Check != nil {
		if err := options.Check(ctx, db); err != nil {
			return err
		}
	}
	lock := newFairLock(path)
	defer lock.close() // which releases it
	if err := lock.acquire(waiting); err != nil {
		if errors.Is(context.Cause(waiting), ErrBusy) {
			err = fmt.Errorf("%w: other processes have been writing for %v", ErrBusy, options.Timeout)
		}
		return err
	}
	var mode string
	if err := db.QueryRowContext(ctx, "PRAGMA journal_mode = wal").Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return errors.New("its file system has no shared memory, which WAL mode needs")
	}
	return up(ctx, db)
}

// create creates the database unless there is one, and returns its path as resolve does.
func create(path string) (string, error) {
	resolved, err := resolve(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	if err := checkGone(path); err != nil {
		return "", err
	}
	if err := createEmpty(path); err != nil {
		return "", err
	}
	return resolve(path)
}
