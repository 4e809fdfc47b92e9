package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"multiproc/internal/proctest"
)

const newestVersion = "SELECT MAX(version_id) FROM goose_db_version"

// migrateChild migrates after it has read a line, and reports the versions before and after. Its second argument, if any, is a
// directory with other migrations.
func migrateChild(args []string) error {
	fmt.Println("ready")
	bufio.NewScanner(os.Stdin).Scan()
	var before, after int64
	var err error
	if len(args) == 1 {
		before, after, err = Migrate(context.Background(), args[0], Options{})
	} else {
		before, after, err = migrate(context.Background(), args[0], Options{}, os.DirFS(args[1]))
	}
	if err != nil {
		return err
	}
	fmt.Println(before, after)
	return proctest.UntilStopped()
}

// later returns the migrations of a later program.
func later(tb testing.TB, migration string) fstest.MapFS {
	tb.Helper()
	files := upTo(tb, 99998)
	files["99999_later.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + migration)}
	return files
}

// checkIntegrity has SQLite check the whole database.
func checkIntegrity(tb testing.TB, path string) {
	tb.Helper()
	conn := foreign(tb, path)
	var result string
	check(tb, conn.QueryRowContext(tb.Context(), "PRAGMA integrity_check").Scan(&result))
	if result != "ok" {
		tb.Errorf("the database is damaged: %s", result)
	}
	rows, err := conn.QueryContext(tb.Context(), "PRAGMA foreign_key_check")
	check(tb, err)
	defer rows.Close()
	if rows.Next() {
		tb.Error("a row refers to one that does not exist")
	}
	check(tb, rows.Err())
}

func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	ours, err := fs.Glob(migrations(), "*.sql")
	check(t, err)
	own := int64(len(ours))
	up := func(files fs.FS, from, to int64) {
		t.Helper()
		before, after, err := migrate(t.Context(), path, Options{}, files)
		check(t, err)
		if before != from || after != to {
			t.Errorf("versions %d and %d, want %d and %d", before, after, from, to)
		}
	}
	up(migrations(), 0, own)
	up(migrations(), own, own)
	execOn(t, foreign(t, path), "PRAGMA journal_mode = delete")
	up(migrations(), own, own)
	s := openStoreAt(t, path)
	checkIntegrity(t, path)

	// A later program adds to the schema while this one has it open. This one goes on, and can be started again.
	up(later(t, "ALTER TABLE apis ADD COLUMN colour TEXT;"), own, 99999)
	update(t, s, newAPI("a"))
	up(migrations(), 99999, 99999)
	update(t, openStoreAt(t, path), newAPI("b"))

	execOn(t, foreign(t, path), "UPDATE compatibility SET oldest_reader = 99999")
	_, _, err = Migrate(t.Context(), path, Options{})
	wantErr(t, err, errSchemaNew, "migrate database "+path)
}

// TestMigrateTogether starts processes that find no database.
func TestMigrateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var all []*proctest.Child
	for range 8 {
		c := proctest.Start(t, "migrate", path)
		c.Line()
		all = append(all, c)
	}
	for _, c := range all {
		c.Send("go")
	}
	did := 0
	for _, c := range all {
		var before, after int64
		_, err := fmt.Sscan(c.Line(), &before, &after)
		check(t, err)
		if before == 0 {
			did++
		}
		if after < 3 {
			t.Errorf("version %d after", after)
		}
		c.Stop()
	}
	if did != 1 {
		t.Errorf("%d processes migrated, want 1", did)
	}
	checkIntegrity(t, path)
}

// TestMigrateFails: a migration that fails in the middle leaves nothing behind.
func TestMigrateFails(t *testing.T) {
	s := openStore(t)
	path, version := pathOf(t, s), number(t, s, newestVersion)
	_, _, err := migrate(t.Context(), path, Options{}, later(t, "CREATE TABLE half (x);\nINSERT INTO half VALUES (1);\nDROP TABLE nowhere;"))
	wantErr(t, err, nil, "no such table: nowhere")
	if n := number(t, s, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'"); n != 0 {
		t.Error("half of the migration is left")
	}
	if n := number(t, s, newestVersion); n != version {
		t.Errorf("version %d, want %d", n, version)
	}
	_, after, err := migrate(t.Context(), path, Options{}, later(t, "CREATE TABLE whole (x);"))
	if after != 99999 || err != nil {
		t.Errorf("version %d after a correct migration: %v", after, err)
	}
}

// TestMigrateKilled kills processes in the middle of a migration, and at any time.
func TestMigrateKilled(t *testing.T) {
	s := openStore(t)
	path, dir := pathOf(t, s), t.TempDir()
	endless := later(t, `CREATE TABLE half (x);
		INSERT INTO half WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;`)
	check(t, os.CopyFS(dir, endless))
	c := proctest.Start(t, "migrate", path, dir)
	c.Send("go")
	proctest.Eventually(t, "much is written", func() bool {
		info, err := os.Stat(path + "-wal")
		return err == nil && info.Size() > 8<<20
	})
	c.Kill()
	update(t, s, newAPI("a"))
	_, after, err := migrate(t.Context(), path, Options{}, later(t, "CREATE TABLE half (y);"))
	if after != 99999 || err != nil {
		t.Errorf("version %d after the next Migrate: %v", after, err)
	}
	checkIntegrity(t, path)

	n := proctest.Rounds(5, 15)
	for i := range n {
		path := filepath.Join(t.TempDir(), "x.db")
		c := proctest.Start(t, "migrate", path)
		c.Line()
		c.Send("go")
		<-time.After(time.Duration(i) * 30 / time.Duration(n) * time.Millisecond) // it takes about 30 ms in all
		c.Kill()
		update(t, openStoreAt(t, path), newAPI("a"))
		checkIntegrity(t, path)
	}
}

// TestMigrateRefuses: a file of another program is left as it is.
func TestMigrateRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(path string)
		class error
		text  string
	}{
		{"a short text", func(path string) { check(t, os.WriteFile(path, []byte("x\n"), 0o600)) }, ErrUnavailable, "file is not a database"},
		{"a text", func(path string) { check(t, os.WriteFile(path, []byte("[uwsgi]\nmaster = true\n"), 0o600)) }, ErrUnavailable, "file is not a database"},
		{"another program's database", func(path string) { execOn(t, foreign(t, path), "CREATE TABLE django_migrations (id INTEGER)") }, nil, "another program"},
		{"another program's empty database", func(path string) { execOn(t, foreign(t, path), "PRAGMA application_id = 7") }, nil, "another program"},
		{"another program's database with goose", func(path string) {
			execOn(t, foreign(t, path), "CREATE TABLE goose_db_version (id INTEGER)")
		}, nil, "another program"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			test.make(path)
			content, err := os.ReadFile(path)
			check(t, err)
			_, _, err = Migrate(t.Context(), path, Options{})
			wantErr(t, err, test.class, test.text)
			now, err := os.ReadFile(path)
			check(t, err)
			if !bytes.Equal(now, content) {
				t.Error("the file was changed")
			}
			entries, err := os.ReadDir(dir)
			check(t, err)
			if len(entries) != 1 {
				t.Errorf("there are files beside it: %v", entries)
			}
		})
	}
	_, _, err := Migrate(t.Context(), t.TempDir(), Options{})
	wantErr(t, err, nil, "migrate database")
	_, _, err = Migrate(t.Context(), filepath.Join(t.TempDir(), "none", "x.db"), Options{})
	wantErr(t, err, os.ErrNotExist, "create ")
	if errors.Is(err, ErrUnavailable) || strings.Count(err.Error(), "x.db") > 2 {
		t.Error(err)
	}
}
