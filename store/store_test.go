package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
		text  string
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
			wantErr(t, err, test.class, test.text)
			wantErr(t, err, nil, "open database "+path)
			if errors.Is(test.class, os.ErrNotExist) {
				if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("it was created: %v", err)
				}
			}
		})
	}
	t.Run("newer", func(t *testing.T) { // but not too new
		path := filepath.Join(t.TempDir(), "x.db")
		migrated("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)")(t, path)
		s, err := Open(t.Context(), path, Options{})
		check(t, err)
		check(t, s.Close())
	})
}

// TestNow: the time of a transaction is in UTC and truncated.
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
