// Package store is the database of transactions, of the APIs and statuses that they refer to, and of users, tokens and the
// audit log.
//
// Any number of processes can have it open at the same time. They write in turn; updates that a process requests at the same
// time share a commit, and reading waits for no writer.
//
// All work is done in a transaction, a Tx: Store.View provides one that reads, Store.Update one that writes.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"multiproc/store/internal/sqlite"
)

// Options configure a Store. The zero value is valid.
type Options struct {
	// Synchronous decides when a commit returns: "full", once it is on the disk, or "normal", once the kernel has it, so that a
	// loss of power may lose the latest commits. Default "full".
	Synchronous string
	// Timeout limits the time that an update waits for its turn; then it fails with ErrBusy. Default 5 s.
	Timeout time.Duration
	// Logger gets the errors of work that no caller waits for. Default: they are discarded.
	Logger *slog.Logger

	now        func() time.Time // for tests; nil: time.Now
	committing func()           // for tests; called before each commit, with the lock held
	idle       time.Duration    // for tests; see idleInterval
}

func (o Options) withDefaults() Options {
	if o.Synchronous == "" {
		o.Synchronous = "full"
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.now == nil {
		o.now = time.Now
	}
	if o.idle == 0 {
		o.idle = idleInterval
	}
	return o
}

// engine returns the options of the engine.
func (o Options) engine() sqlite.Options {
	o = o.withDefaults()
	return sqlite.Options{
		Synchronous: o.Synchronous, Timeout: o.Timeout, Logger: o.Logger, Now: o.now, Idle: o.idle, Committing: o.committing,
		Maintain: func(t sqlite.Tx) (done bool, err error) {
			err = with(func(tx *Tx) (err error) {
				done, err = tx.maintain()
				return err
			})(t)
			return done, err
		},
	}
}

// Store is an open database. Its methods may be called concurrently.
type Store struct {
	db *sqlite.DB

	// Semaphores.
	hashing chan struct{}
	places  chan struct{} // see maxHashing
}

// Open opens the database at a path or sqlite:// URL, which must exist. If its schema is too old or too new for this program, or
// there is no database, the error says what to do. The caller closes the Store.
//
// A database that the process has no rights to write to can still be read if the files of its log exist or can be made beside
// it.
func Open(ctx context.Context, database string, options Options) (*Store, error) {
	path, err := sqlite.Path(database)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	engine := options.engine()
	engine.Check = checkSchema
	db, err := sqlite.Open(ctx, path, engine)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w: %s", err, toMigrate)
	}
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return &Store{db: db, hashing: make(chan struct{}, 1), places: make(chan struct{}, maxHashing)}, nil
}

// Close closes the database once the current commit is done. Updates that still wait fail with ErrClosed, as do later calls of
// View and Update; Views in progress go on. Close may be called again, but not concurrently.
func (s *Store) Close() error { return s.db.Close() }

// View calls f with a transaction that reads one state of the database, whatever is written meanwhile. It returns f's error.
//
// It waits for one of the few connections of the process, first come, first served, and for nothing else. When ctx is done,
// queries fail with its error. While the path of the database leads to another file or to none, View fails with
// ErrUnavailable.
func (s *Store) View(ctx context.Context, f func(*Tx) error) error { return s.db.View(ctx, with(f)) }

// WindowCounts returns Tx.WindowCounts of a View that waits for no other View, so that a scrape is answered however many there
// are. Concurrent calls wait for one another.
func (s *Store) WindowCounts(ctx context.Context) (counts []Count, err error) {
	err = s.db.ViewReserved(ctx, with(func(tx *Tx) error {
		counts, err = tx.WindowCounts()
		return err
	}))
	return counts, err
}

// Update calls f with a transaction that writes, and returns when its changes are committed durably, or undone: then it
// returns f's error or that of the commit. It waits for its turn for Options.Timeout at most and fails with ErrBusy, or with
// ctx's error once ctx is done; after f was called, it waits for the outcome.
//
// f is called at most once, on another goroutine, and shares its commit with other updates. It must return errors of the
// database, and wait for nothing but the database: the writers of all processes wait with it. If it panics, its changes are
// undone and Update panics.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	return s.db.Update(ctx, with(f))
}

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
