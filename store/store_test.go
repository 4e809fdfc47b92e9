package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// until waits for what no event tells of.
func until(tb testing.TB, what string, cond func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(20 * time.Second); !cond(); runtime.Gosched() {
		if time.Now().After(deadline) {
			tb.Fatalf("it never came to this: %s", what)
		}
	}
}

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

const countAPIs = "SELECT COUNT(*) FROM apis"

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
		{"too new", migrated("INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1)", "UPDATE compatibility SET oldest_reader = 98"), errSchemaNew, "version 99 is for version 98 and later"},
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

// TestPragmas looks at every connection of a Store, also at those that come for others.
func TestPragmas(t *testing.T) {
	for synchronous, want := range map[string]string{"": "2", "full": "2", "normal": "1"} {
		s := openStore(t, Options{Synchronous: synchronous, Timeout: 1234 * time.Millisecond})
		expect := func(tx *Tx, pragmas map[string]string) error {
			var errs []error
			for pragma, want := range pragmas {
				var got string
				err := tx.queryRow("PRAGMA " + pragma).Scan(&got)
				if err != nil || got != want {
					errs = append(errs, fmt.Errorf("%s is %s, want %s: %w", pragma, got, want, err))
				}
			}
			return errors.Join(errs...)
		}
		common := map[string]string{
			"foreign_keys": "1", "recursive_triggers": "1", "synchronous": want, "journal_mode": "wal", "cache_size": "-512",
		}
		lose := func(tx *Tx) {
			_ = tx.db.Raw(func(any) error { return driver.ErrBadConn })
		}
		for range 2 {
			var views func(n int) error
			views = func(n int) error { // all connections at a time
				if n == 0 {
					return nil
				}
				return s.View(t.Context(), func(tx *Tx) error {
					err := errors.Join(expect(tx, common), expect(tx, map[string]string{"query_only": "1", "busy_timeout": "1234"}), views(n-1))
					lose(tx)
					return err
				})
			}
			check(t, views(maxViews))
			update(t, s, func(tx *Tx) error {
				return errors.Join(expect(tx, common), expect(tx, map[string]string{"query_only": "0", "busy_timeout": foreignPatience}))
			})
			wantErr(t, s.Update(t.Context(), func(tx *Tx) error {
				lose(tx)
				return nil
			}), nil, "closed")
		}
	}
}

// TestView reads one state while others write.
func TestView(t *testing.T) {
	s := openStore(t)
	update(t, s, newAPI("a"))
	view(t, s, func(tx *Tx) error {
		for range 2 {
			var n int
			if err := tx.queryRow(countAPIs).Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				return fmt.Errorf("%d APIs in a view that began with 1", n)
			}
			if err := s.Update(t.Context(), newAPI(fmt.Sprint("b", time.Now()))); err != nil {
				return err
			}
		}
		return nil
	})
	if n := number(t, s, countAPIs); n != 3 {
		t.Errorf("%d APIs, want 3", n)
	}
	wantErr(t, s.View(t.Context(), newAPI("c")), ErrUnavailable, "readonly")
	wantErr(t, s.View(t.Context(), func(tx *Tx) error {
		return tx.queryRow("SELECT 1 WHERE 0").Scan(new(int))
	}), ErrNotFound, "")
	mistake := errors.New("own")
	if err := s.View(t.Context(), func(*Tx) error { return mistake }); err == nil || err.Error() != mistake.Error() || !errors.Is(err, mistake) {
		t.Errorf("the error is %v, want it as f returned it", err)
	}
}

// TestViewIsCancelled more often than there are connections.
func TestViewIsCancelled(t *testing.T) {
	s := openStore(t)
	const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT "
	for range 2 * maxViews {
		ctx, cancel := context.WithCancel(t.Context())
		wantErr(t, s.View(ctx, func(tx *Tx) error {
			rows, err := tx.query(endless + "x FROM n")
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				cancel()
			}
			return rows.Err()
		}), context.Canceled, "")
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Millisecond)
		wantErr(t, s.View(ctx, func(tx *Tx) error {
			return tx.queryRow(endless + "COUNT(*) FROM n").Scan(new(int))
		}), context.DeadlineExceeded, "")
		cancel()
		wantErr(t, s.View(ctx, func(*Tx) error { return nil }), context.DeadlineExceeded, "")
	}
	if open := s.readers.Stats().OpenConnections; open != 1 {
		t.Errorf("%d connections are open, want the 1 that was used again and again", open)
	}
	if n := number(t, s, countAPIs); n != 0 {
		t.Errorf("%d APIs, want none", n)
	}
}

// TestViewWaits for a connection, not longer than its ctx.
func TestViewWaits(t *testing.T) {
	s := openStore(t)
	var views func(n int) error
	views = func(n int) error {
		if n == 0 {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			return s.View(ctx, func(*Tx) error { return nil })
		}
		return s.View(t.Context(), func(*Tx) error { return views(n - 1) })
	}
	wantErr(t, views(maxViews), context.DeadlineExceeded, "")
	check(t, views(maxViews-1))
}

// TestViewPanics and leaves nothing behind.
func TestViewPanics(t *testing.T) {
	s := openStore(t)
	for range 2 * maxViews {
		func() {
			defer func() {
				if p := recover(); p != "own" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = s.View(t.Context(), func(*Tx) error { panic("own") })
		}()
	}
	number(t, s, countAPIs)
}

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

func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	_, _, err := Migrate(t.Context(), path, Options{})
	check(t, err)
	before := descriptors(t)
	s, err := Open(t.Context(), path, Options{})
	check(t, err)
	update(t, s, newAPI("a"))
	if n := number(t, s, countAPIs); n != 1 {
		t.Errorf("%d APIs, want 1", n)
	}
	check(t, s.Close())
	wantErr(t, s.View(t.Context(), func(*Tx) error { return nil }), ErrClosed, "")
	wantErr(t, s.Update(t.Context(), newAPI("b")), ErrClosed, "")
	if after := descriptors(t); after != before {
		t.Errorf("descriptors after it was closed:\n%s\nbefore it was opened:\n%s", after, before)
	}
	if _, err := os.Lstat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
}

// descriptors lists the databases, with all that belongs to them, that this process has open.
func descriptors(tb testing.TB) string {
	tb.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	check(tb, err)
	var open []string
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.Contains(target, ".db") {
			open = append(open, target)
		}
	}
	return strings.Join(open, "\n")
}

// TestFileModes looks at what others may read of a database, whatever the umask.
func TestFileModes(t *testing.T) {
	for _, umask := range []int{0, 0o77} {
		old := unix.Umask(umask)
		s := openStore(t)
		update(t, s, newAPI("a"))
		unix.Umask(old)
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			info, err := os.Stat(s.writer.file.path + suffix)
			check(t, err)
			if info.Mode() != 0o600 {
				t.Errorf("%s is %v with umask %o", info.Name(), info.Mode(), umask)
			}
		}
	}
}

// TestOddPaths opens databases whose names mean something elsewhere.
func TestOddPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	check(t, os.Mkdir("real", 0o700))
	check(t, os.Symlink("real", "dir"))
	check(t, os.Symlink("real/linked.db", "link.db"))
	for _, test := range []struct{ database, path string }{
		{"plain.db", "plain.db"},
		{"sqlite://real/../url.db", "url.db"},
		{"sqlite://" + dir + "/absolute.db", "absolute.db"},
		{"a b?mode=memory#&%41;'é\xff.db", "a b?mode=memory#&%41;'é\xff.db"},
		{dir + "//twice.db", "twice.db"},
		{"dir/x.db", "real/x.db"},
	} {
		s := openStoreAt(t, test.database)
		update(t, s, newAPI("a"))
		for _, suffix := range []string{"", "-wal", ".lock"} {
			if _, err := os.Lstat(filepath.Join(dir, test.path+suffix)); err != nil {
				t.Errorf("%q: %v", test.database, err)
			}
		}
		t.Chdir("real") // a Store stays where it was
		number(t, s, countAPIs)
		t.Chdir(dir)
	}
	_, _, err := Migrate(t.Context(), "link.db", Options{})
	wantErr(t, err, os.ErrNotExist, "migrate database link.db") // nothing is made where a symlink leads
	_, _, err = Migrate(t.Context(), "real/linked.db", Options{})
	check(t, err)
	s := openStoreAt(t, "link.db")
	update(t, s, newAPI("a"))
	if _, err := os.Lstat("real/linked.db.lock"); err != nil {
		t.Error("two names of a database, two locks:", err)
	}
}

// TestWindowCountsInTurn counts while there are as many Views as there may be.
func TestWindowCountsInTurn(t *testing.T) {
	s := openStore(t)
	begun, end := make(chan struct{}), make(chan struct{})
	var viewing sync.WaitGroup
	for range maxViews {
		viewing.Go(func() {
			err := s.View(t.Context(), func(*Tx) error {
				begun <- struct{}{}
				<-end
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	for range maxViews {
		<-begun
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.WindowCounts(ctx); err != nil {
		t.Error(err)
	}
	late, cancelLate := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancelLate()
	wantErr(t, s.View(late, func(*Tx) error { return nil }), context.DeadlineExceeded, "")
	close(end)
	viewing.Wait()
}
