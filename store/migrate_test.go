package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
)

const newestVersion = "SELECT MAX(version_id) FROM goose_db_version"

// migrateChild migrates when it is told to, and reports the versions before and after. Where it gets a directory, the
// migrations in it are its program's.
func migrateChild(args []string) error {
	fmt.Println("ready")
	if err := untilTold(); err != nil {
		return err
	}
	var before, after int64
	var err error
	if len(args) == 1 {
		before, after, err = Migrate(context.Background(), args[0], Options{})
	} else {
		before, after, err = migrateTo(context.Background(), args[0], os.DirFS(args[1]))
	}
	if err == nil {
		fmt.Println(before, after)
	}
	return err
}

// migrateTo is Migrate, of a program with other migrations.
func migrateTo(ctx context.Context, path string, files fs.FS) (before, after int64, err error) {
	file, err := identify(path)
	if err != nil {
		return 0, 0, err
	}
	db := openPool(file, forWriting, Options{}.withDefaults())
	defer db.Close()
	goose, err := provider(db, files)
	if err != nil {
		return 0, 0, err
	}
	return up(ctx, db, goose)
}

// later are the migrations of a program after this one.
func later(tb testing.TB, migration string) fstest.MapFS {
	tb.Helper()
	files := fstest.MapFS{"99999_later.sql": {Data: []byte("-- +goose Up\n" + migration)}}
	ours, err := fs.Sub(migrations, "migrations")
	check(tb, err)
	names, err := fs.Glob(ours, "*.sql")
	check(tb, err)
	for _, name := range names {
		content, err := fs.ReadFile(ours, name)
		check(tb, err)
		files[name] = &fstest.MapFile{Data: content}
	}
	return files
}

// checkIntegrity has SQLite look at the whole database.
func checkIntegrity(tb testing.TB, path string) {
	tb.Helper()
	conn := foreign(tb, path)
	var told string
	check(tb, conn.QueryRowContext(tb.Context(), "PRAGMA integrity_check").Scan(&told))
	if told != "ok" {
		tb.Errorf("the database is damaged: %s", told)
	}
	rows, err := conn.QueryContext(tb.Context(), "PRAGMA foreign_key_check")
	check(tb, err)
	defer rows.Close()
	if rows.Next() {
		tb.Error("a row refers to one that is not there")
	}
	check(tb, rows.Err())
}

func TestMigrate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	before, after, err := Migrate(t.Context(), path, Options{})
	check(t, err)
	if before != 0 || after < 3 {
		t.Errorf("versions %d and %d, want 0 and at least 3", before, after)
	}
	again, still, err := Migrate(t.Context(), path, Options{})
	check(t, err)
	if again != after || still != after {
		t.Errorf("versions %d and %d, want %d", again, still, after)
	}
	execOn(t, foreign(t, path), "PRAGMA journal_mode = delete")
	_, _, err = Migrate(t.Context(), path, Options{})
	check(t, err)
	s := openStoreAt(t, path)
	checkIntegrity(t, path)

	// A later program adds to the schema while this one has it open, which goes on, and may be started anew.
	before, after, err = migrateTo(t.Context(), path, later(t, "ALTER TABLE apis ADD COLUMN colour TEXT;"))
	check(t, err)
	if before != still || after != 99999 {
		t.Errorf("versions %d and %d, want %d and 99999", before, after, still)
	}
	update(t, s, newAPI("a"))
	before, after, err = Migrate(t.Context(), path, Options{})
	check(t, err)
	if before != 99999 || after != 99999 {
		t.Errorf("versions %d and %d, want 99999", before, after)
	}
	update(t, openStoreAt(t, path), newAPI("b"))

	_, err = foreign(t, path).ExecContext(t.Context(), "UPDATE compatibility SET oldest_reader = 99999")
	check(t, err)
	_, _, err = Migrate(t.Context(), path, Options{})
	wantErr(t, err, errSchemaNew, "migrate database "+path)
}

// TestMigrateTogether starts processes that all find nothing there.
func TestMigrateTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	var all []*child
	for range 8 {
		c := startChild(t, "migrate", path)
		c.line(t)
		all = append(all, c)
	}
	for _, c := range all {
		check(t, c.stdin.Close())
	}
	did := 0
	for _, c := range all {
		var before, after int64
		_, err := fmt.Sscan(c.line(t), &before, &after)
		check(t, err)
		if before == 0 {
			did++
		}
		if after < 3 {
			t.Errorf("version %d after", after)
		}
		check(t, c.wait())
	}
	if did != 1 {
		t.Errorf("%d processes migrated, want 1", did)
	}
	checkIntegrity(t, path)
}

// TestMigrateFails in the middle of a migration.
func TestMigrateFails(t *testing.T) {
	s := openStore(t)
	path, version := s.writer.file.path, number(t, s, newestVersion)
	_, _, err := migrateTo(t.Context(), path, later(t, "CREATE TABLE half (x);\nINSERT INTO half VALUES (1);\nDROP TABLE nowhere;"))
	wantErr(t, err, nil, "no such table: nowhere")
	if n := number(t, s, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'half'"); n != 0 {
		t.Error("half of a migration is left")
	}
	if n := number(t, s, newestVersion); n != version {
		t.Errorf("version %d, want %d", n, version)
	}
	_, after, err := migrateTo(t.Context(), path, later(t, "CREATE TABLE whole (x);"))
	if after != 99999 || err != nil {
		t.Errorf("version %d after a migration that is right: %v", after, err)
	}
}

// TestMigrateKilled kills it in the middle of a migration, and at any time.
func TestMigrateKilled(t *testing.T) {
	s := openStore(t)
	path, dir := s.writer.file.path, t.TempDir()
	endless := later(t, `CREATE TABLE half (x);
		INSERT INTO half WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;`)
	check(t, os.CopyFS(dir, endless))
	c := startChild(t, "migrate", path, dir)
	check(t, c.stdin.Close())
	until(t, "much is written", func() bool {
		info, err := os.Stat(path + "-wal")
		return err == nil && info.Size() > 8<<20
	})
	c.kill(t, func(string) {})
	update(t, s, newAPI("a"))
	_, after, err := migrateTo(t.Context(), path, later(t, "CREATE TABLE half (y);"))
	if after != 99999 || err != nil {
		t.Errorf("version %d after the next Migrate: %v", after, err)
	}
	checkIntegrity(t, path)

	for i := range 15 {
		path := filepath.Join(t.TempDir(), "x.db")
		c := startChild(t, "migrate", path)
		c.line(t)
		check(t, c.stdin.Close())
		<-time.After(time.Duration(i) * 2 * time.Millisecond) // it takes about that in all
		_ = c.cmd.Process.Kill()
		_ = c.wait()
		update(t, openStoreAt(t, path), newAPI("a"))
		checkIntegrity(t, path)
	}
}

// TestMigrateWaits for those who write, and not for ever.
func TestMigrateWaits(t *testing.T) {
	s := openStore(t)
	path, options := s.writer.file.path, Options{Timeout: 200 * time.Millisecond}
	turn := newTurnstile(path)
	defer turn.close()
	check(t, turn.acquire(t.Context()))
	start := time.Now()
	_, _, err := Migrate(t.Context(), path, options)
	wantErr(t, err, ErrBusy, "others have been writing for 200ms")
	if took := time.Since(start); took < options.Timeout || took > 10*options.Timeout {
		t.Errorf("it took %v to give up", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = Migrate(ctx, path, options)
	wantErr(t, err, context.Canceled, "")

	var all sync.WaitGroup
	all.Go(func() {
		_, _, err := Migrate(t.Context(), path, Options{})
		check(t, err)
	})
	until(t, "it waits in the gate", func() bool {
		probe := newTurnstile(path)
		defer probe.close()
		check(t, probe.open())
		free, err := tryLock(probe.fd, gate)
		check(t, err)
		return !free
	})
	turn.release()
	all.Wait()

	// Of a program that does not know the lock.
	other := foreign(t, path)
	execOn(t, other, "DELETE FROM goose_db_version WHERE version_id = (SELECT MAX(version_id) FROM goose_db_version)")
	execOn(t, other, "BEGIN IMMEDIATE")
	_, _, err = Migrate(t.Context(), path, options)
	wantErr(t, err, ErrBusy, "")
	execOn(t, other, "ROLLBACK")
}

// TestMigrateRefuses what is not this program's, and leaves it as it is.
func TestMigrateRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		make  func(path string)
		class error
		says  string
	}{
		{"a short text", func(path string) { check(t, os.WriteFile(path, []byte("x\n"), 0o600)) }, ErrUnavailable, "file is not a database"},
		{"a text", func(path string) { check(t, os.WriteFile(path, []byte("[uwsgi]\nmaster = true\n"), 0o600)) }, ErrUnavailable, "file is not a database"},
		{"another program's database", func(path string) { execOn(t, foreign(t, path), "CREATE TABLE django_migrations (id INTEGER)") }, nil, "another program"},
		{"another program's empty database", func(path string) { execOn(t, foreign(t, path), "PRAGMA application_id = 7") }, nil, "another program"},
		{"that of another program with goose", func(path string) {
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
			wantErr(t, err, test.class, test.says)
			now, err := os.ReadFile(path)
			check(t, err)
			if !bytes.Equal(now, content) {
				t.Error("it was changed")
			}
			entries, err := os.ReadDir(dir)
			check(t, err)
			if len(entries) != 1 {
				t.Errorf("there is something beside it: %v", entries)
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

// TestDatabaseTakenAway leaves the log of a database alone, which has what was written last, until that is back.
func TestDatabaseTakenAway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	c := startChild(t, "commit", path)
	c.line(t)
	c.line(t)
	c.tell(t, "commit")
	c.line(t)
	c.kill(t, func(string) {})
	check(t, os.Rename(path, path+".away"))
	refused := func() {
		t.Helper()
		_, _, err := Migrate(t.Context(), path, Options{})
		wantErr(t, err, ErrUnavailable, path+"-wal has what was written")
	}
	refused()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is another database now: %v", err)
	}
	check(t, os.WriteFile(path, nil, 0o600))
	refused()
	_, err := Open(t.Context(), path, Options{})
	wantErr(t, err, ErrUnavailable, path+"-wal has what was written")
	check(t, os.Rename(path+".away", path))
	if n := number(t, openStoreAt(t, path), countAPIs); n != 1 {
		t.Errorf("%d APIs, want what was written last", n)
	}
}
