package store

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{
		"insert": insertChild, "loop": loopChild, "migrate": migrateChild, "crash": crashChild,
	})
}

// openStore opens a new database, which is closed at the end of the test.
func openStore(tb testing.TB, options ...Options) *Store {
	tb.Helper()
	return openStoreAt(tb, filepath.Join(tb.TempDir(), "multiproc.db"), options...)
}

// openStoreAt migrates and opens the database at path.
func openStoreAt(tb testing.TB, path string, options ...Options) *Store {
	tb.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if o.Synchronous == "" {
		o.Synchronous = "normal" // tests crash processes, not the machine
	}
	if _, _, err := Migrate(tb.Context(), path, o); err != nil {
		tb.Fatal(err)
	}
	s, err := Open(tb.Context(), path, o)
	check(tb, err)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// pathOf returns the path of an open database.
func pathOf(tb testing.TB, s *Store) (path string) {
	tb.Helper()
	view(tb, s, func(tx *Tx) error {
		return tx.queryRow("SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path)
	})
	return path
}

// update calls Update, which must not fail.
func update(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	check(tb, s.Update(tb.Context(), f))
}

// view calls View, which must not fail.
func view(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	check(tb, s.View(tb.Context(), f))
}

// execIn runs a statement in an Update, which must not fail.
func execIn(tb testing.TB, s *Store, query string, args ...any) {
	tb.Helper()
	update(tb, s, func(tx *Tx) error {
		_, err := tx.exec(query, args...)
		return err
	})
}

// clock is the clock of a Store, which tests set.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.micros.Store(time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }

// wantErr checks that err is class, unless that is nil, and contains a text.
func wantErr(tb testing.TB, err, class error, text string) {
	tb.Helper()
	if err == nil || class != nil && !errors.Is(err, class) || !strings.Contains(err.Error(), text) {
		tb.Errorf("the error is %v, want %v containing %q", err, class, text)
	}
}

// foreign opens a connection as another program would, with the driver's defaults.
func foreign(tb testing.TB, path string) *sql.Conn {
	tb.Helper()
	db, err := sql.Open("sqlite3", path)
	check(tb, err)
	conn, err := db.Conn(tb.Context())
	check(tb, err)
	tb.Cleanup(func() {
		check(tb, conn.Close())
		check(tb, db.Close())
	})
	return conn
}

func execOn(tb testing.TB, conn *sql.Conn, query string, args ...any) {
	tb.Helper()
	if _, err := conn.ExecContext(tb.Context(), query, args...); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
}

// number returns the number that a query selects.
func number(tb testing.TB, s *Store, query string, args ...any) (n int64) {
	tb.Helper()
	view(tb, s, func(tx *Tx) error { return tx.queryRow(query, args...).Scan(&n) })
	return n
}

// newAPI inserts an API, of which there can be one.
func newAPI(name string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO apis (name, description, params) VALUES (?, '', '{}')", name)
		return err
	}
}

// check fails the test if there is an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
