package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// wantErr checks that err is one of a class, where that is not nil, and says something.
func wantErr(tb testing.TB, err, class error, says string) {
	tb.Helper()
	if err == nil || class != nil && !errors.Is(err, class) || !strings.Contains(err.Error(), says) {
		tb.Errorf("the error is %v, want %v that says %q", err, class, says)
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

// number is what a query finds.
func number(tb testing.TB, s *Store, query string, args ...any) (n int64) {
	tb.Helper()
	view(tb, s, func(tx *Tx) error { return tx.queryRow(query, args...).Scan(&n) })
	return n
}

// newAPI inserts a row, of which there can be one.
func newAPI(name string) func(*Tx) error {
	return func(tx *Tx) error {
		_, err := tx.exec("INSERT INTO apis (name, description, params) VALUES (?, '', '{}')", name)
		return err
	}
}

func TestOpenRefuses(t *testing.T) {
	migrated := func(queries ...string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			_, _, err := Migrate(t.Context(), path, Options{})
			check(t, err)
			for _, query := range queries {
				execOn(t, foreign(t, path), query)
			}
		}
	}
	file := func(content string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			t.Helper()
			check(t, os.WriteFile(path, []byte(content), 0o600))
		}
	}
	const latest = "(SELECT MAX(version_id) FROM goose_db_version)"
	for _, test := range []struct {
		name  string
		make  func(*testing.T, string)
		class error
		says  string
	}{
		{"nothing there", func(*testing.T, string) {}, os.ErrNotExist, `run "multiproc migrate"`},
		{"a directory", func(t *testing.T, path string) { t.Helper(); check(t, os.Mkdir(path, 0o700)) }, ErrUnavailable, "open database"},
		{"a text", file("PROMETHEUS_MULTIPROC_DIR=/tmp"), ErrUnavailable, "file is not a database"},
		{"a long text", file(strings.Repeat("all work and no play ", 1000)), ErrUnavailable, "file is not a database"},
		{"empty", file(""), errSchemaOld, `run "multiproc migrate"`},
		{"another program's", func(t *testing.T, path string) {
			t.Helper()
			execOn(t, foreign(t, path), "CREATE TABLE django_migrations (id INTEGER)")
		}, nil, "another program"},
		{"old", migrated("DELETE FROM goose_db_version WHERE version_id = " + latest), errSchemaOld, `run "multiproc migrate"`},
		{"not begun", migrated("DROP TABLE compatibility"), errSchemaOld, `run "multiproc migrate"`},
		{"too new", migrated("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)", "UPDATE compatibility SET oldest_reader = 98"), errSchemaNew, "version 99 needs a program of version 98 or later"},
		{"no WAL", migrated("PRAGMA journal_mode = delete"), nil, `ended its WAL mode: run "multiproc migrate"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.db")
			test.make(t, path)
			_, err := Open(t.Context(), path, Options{})
			wantErr(t, err, test.class, test.says)
			wantErr(t, err, nil, "open database "+path)
			if errors.Is(test.class, os.ErrNotExist) {
				if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("it was made: %v", err)
				}
			}
		})
	}
	t.Run("newer", func(t *testing.T) { // but this program may use it
		path := filepath.Join(t.TempDir(), "x.db")
		migrated("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")(t, path)
		s, err := Open(t.Context(), path, Options{})
		check(t, err)
		check(t, s.Close())
	})
}

// TestNow gives a View and an Update the time of the clock.
func TestNow(t *testing.T) {
	fixed := time.Date(2026, 1, 2, 3, 4, 5, 123456789, time.FixedZone("", 3600))
	s := openStore(t, Options{now: func() time.Time { return fixed }})
	for _, do := range []func(context.Context, func(*Tx) error) error{s.View, s.Update} {
		check(t, do(t.Context(), func(tx *Tx) error {
			if got := tx.Now(); got != time.Date(2026, 1, 2, 2, 4, 5, 123456000, time.UTC) {
				return fmt.Errorf("the time is %v", got)
			}
			return nil
		}))
	}
}
