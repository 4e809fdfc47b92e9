package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"github.com/mattn/go-sqlite3"
)

// Options are how a Store is opened. The zero value is good.
type Options struct {
	// Synchronous is when a commit is done: "full", on the disk, or "normal", in the hands of the kernel, which a loss of
	// power may lose. Default "full".
	Synchronous string
	// Timeout is how long a write waits for its turn before it fails with ErrBusy. Default 5 s.
	Timeout time.Duration
	// Logger is told what goes wrong with work that nobody asked for. Default: nobody is.
	Logger *slog.Logger

	now        func() time.Time // for tests; nil: time.Now
	committing func()           // for tests; called in the lock, before each commit
	idle       time.Duration    // for tests; see idleUpkeep
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
		o.idle = idleUpkeep
	}
	if o.committing == nil {
		o.committing = func() {}
	}
	return o
}

// time is that of a transaction that begins now.
func (o Options) time() time.Time { return o.now().UTC().Truncate(time.Microsecond) }

// Store is an open database. Its methods may be called concurrently.
type Store struct {
	options Options
	tenancy *tenancy
	readers *sql.DB
	writer  *writer

	// Each has room for those who do it at a time.
	viewing  chan struct{}
	counting chan struct{}
	hashing  chan struct{}
	places   chan struct{} // see maxHashing
}

// maxViews bounds the Views of a process at a time, each of which has a connection with a cache of its own. One more is for
// WindowCounts.
const maxViews = 4

// Open opens the database at a path or sqlite:// URL, which must exist and have the schema of this program or one that it
// may use: else the error says what to do. The caller closes it.
//
// A database that cannot be written to, for want of rights, can still be read, where the files of its log can be made beside it
// or others have it open.
func Open(ctx context.Context, database string, options Options) (*Store, error) {
	path, err := pathOf(database)
	if err != nil {
		return nil, err
	}
	s, err := open(ctx, path, options.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, classified(err))
	}
	return s, nil
}

func open(ctx context.Context, path string, options Options) (*Store, error) {
	path, err := resolve(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", err, toMigrate)
	}
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
	patience, cancel := context.WithTimeout(ctx, options.Timeout)
	defer cancel()
	tenancy, err := enterKnown(patience, file)
	if err != nil {
		return nil, err
	}
	s := &Store{
		options: options, tenancy: tenancy, readers: openPool(file, forReading, options),
		viewing: make(chan struct{}, maxViews), counting: make(chan struct{}, 1), hashing: make(chan struct{}, 1),
		places: make(chan struct{}, maxHashing),
	}
	s.readers.SetMaxOpenConns(maxViews + 1)
	s.readers.SetMaxIdleConns(maxViews + 1)
	if err := checkSchema(ctx, s.readers); err != nil {
		return nil, errors.Join(err, s.release())
	}
	if s.tenancy == nil {
		if s.tenancy, err = enter(patience, file); err != nil {
			return nil, errors.Join(err, s.release())
		}
	}
	if s.writer, err = openWriter(ctx, file, options); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

// Close gives the database up, after what is being written; what still waits to be written fails with ErrClosed, as do
// later calls of View and Update. A View that is under way goes on. It may be called again, but not concurrently.
func (s *Store) Close() error {
	return errors.Join(s.writer.close(), s.release())
}

// release gives up what is open beside the writer.
func (s *Store) release() error {
	err := s.readers.Close()
	s.tenancy.leave()
	return err
}

// View calls f with a transaction that reads one state of the database, whatever is written meanwhile. The Tx is good
// until f returns, whose error View returns.
//
// It waits for one of the few connections of the process, first come first served, and for nothing else. When ctx is done,
// queries end with its error. While another file or none is at the path of the database, it fails with ErrUnavailable.
func (s *Store) View(ctx context.Context, f func(*Tx) error) error { return s.view(ctx, s.viewing, f) }

// WindowCounts is that of a View, but waits for no other View: however many there are, a scrape is answered. They come one
// after the other.
func (s *Store) WindowCounts(ctx context.Context) (counts []Count, err error) {
	err = s.view(ctx, s.counting, func(tx *Tx) error {
		counts, err = tx.WindowCounts()
		return err
	})
	return counts, err
}

func (s *Store) view(ctx context.Context, turn chan struct{}, f func(*Tx) error) error {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-s.writer.closing.Done():
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.writer.closing.Err() != nil {
		return ErrClosed
	}
	if err := s.writer.check(); err != nil {
		return err
	}
	conn, err := s.readers.Conn(ctx)
	if err != nil && s.writer.closing.Err() != nil {
		return ErrClosed
	}
	if err != nil {
		return classified(err)
	}
	defer conn.Close()
	// A pool would throw the connection away whenever ctx is done in one of its own transactions.
	if _, err := conn.ExecContext(context.WithoutCancel(ctx), "BEGIN"); err != nil {
		return classified(err)
	}
	defer rollback(conn)
	return classified(f(&Tx{ctx: ctx, db: conn, now: s.options.time()}))
}

// Update calls f with a transaction that writes, and returns when what it has written is committed, durably, or nothing of
// it was: then it returns f's error or that of the commit. It waits for its turn up to Options.Timeout, or until ctx is
// done, and fails with ErrBusy or ctx's error; once f was called it waits for the outcome.
//
// f is called at most once, by another goroutine, with other writes in the same commit. An error that the database gives
// it is for f to return. It must not wait for anything but the database: all writers of all processes wait with it. If it
// panics, nothing of it is stored and Update panics.
func (s *Store) Update(ctx context.Context, f func(*Tx) error) error {
	return classified(s.writer.update(ctx, f))
}

// rollback ends a transaction, unless SQLite has ended it, and reports whether the connection can be used on. Else the
// pool throws it away.
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
