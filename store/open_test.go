package store

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// openStore opens a new database, which is closed at the end of the test.
func openStore(tb testing.TB, options ...Options) *Store {
	tb.Helper()
	return openStoreAt(tb, filepath.Join(tb.TempDir(), "multiproc.db"), options...)
}

// openStoreAt opens the database at path, which it migrates.
func openStoreAt(tb testing.TB, path string, options ...Options) *Store {
	tb.Helper()
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if _, _, err := Migrate(tb.Context(), path, o); err != nil {
		tb.Fatal(err)
	}
	s, err := Open(tb.Context(), path, o)
	if err != nil {
		tb.Fatal(err)
	}
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

// update is an Update that must not fail.
func update(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	if err := s.Update(tb.Context(), f); err != nil {
		tb.Fatal(err)
	}
}

// view is a View that must not fail.
func view(tb testing.TB, s *Store, f func(*Tx) error) {
	tb.Helper()
	if err := s.View(tb.Context(), f); err != nil {
		tb.Fatal(err)
	}
}

// clock is what a Store in a test takes for the time.
type clock struct{ micros atomic.Int64 }

func newClock() *clock {
	c := new(clock)
	c.micros.Store(time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micros.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.micros.Add(d.Microseconds()) }
