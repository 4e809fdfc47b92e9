package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/internal/proctest"
)

// TestPragmas checks the pragmas of all connections, and of those that replace lost ones.
func TestPragmas(t *testing.T) {
	for synchronous, want := range map[string]string{"": "2", "full": "2", "normal": "1"} {
		db := openDB(t, Options{Synchronous: synchronous, Timeout: 1234 * time.Millisecond})
		expect := func(tx Tx, pragmas map[string]string) error {
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
		lose := func(tx Tx) {
			_ = tx.Conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		for range 2 {
			var views func(n int) error
			views = func(n int) error { // on all connections at the same time
				if n == 0 {
					return nil
				}
				return db.View(t.Context(), func(tx Tx) error {
					err := errors.Join(expect(tx, common), expect(tx, map[string]string{"query_only": "1", "busy_timeout": "1234"}), views(n-1))
					lose(tx)
					return err
				})
			}
			check(t, views(MaxViews))
			update(t, db, func(tx Tx) error {
				return errors.Join(expect(tx, common), expect(tx, map[string]string{"query_only": "0", "busy_timeout": foreignTimeout}))
			})
			wantErr(t, db.Update(t.Context(), func(tx Tx) error {
				lose(tx)
				return nil
			}), nil, "closed")
		}
	}
}

// TestView reads one state of the database while it is written to.
func TestView(t *testing.T) {
	db := openDB(t)
	update(t, db, insert("a"))
	view(t, db, func(tx Tx) error {
		for range 2 {
			var n int
			if err := tx.queryRow(countNames).Scan(&n); err != nil {
				return err
			}
			if n != 1 {
				return fmt.Errorf("%d names in a view that began with 1", n)
			}
			if err := db.Update(t.Context(), insert(fmt.Sprint("b", time.Now()))); err != nil {
				return err
			}
		}
		return nil
	})
	if n := number(t, db, countNames); n != 3 {
		t.Errorf("%d names, want 3", n)
	}
	wantErr(t, db.View(t.Context(), insert("c")), ErrUnavailable, "readonly")
	wantErr(t, db.View(t.Context(), func(tx Tx) error {
		return tx.queryRow("SELECT 1 WHERE 0").Scan(new(int))
	}), sql.ErrNoRows, "")
	mistake := errors.New("own")
	if err := db.View(t.Context(), func(Tx) error { return mistake }); err == nil || err.Error() != mistake.Error() || !errors.Is(err, mistake) {
		t.Errorf("the error is %v, want the one that f returned", err)
	}
}

// TestViewIsCancelled cancels more views than there are connections, and none of these is lost.
func TestViewIsCancelled(t *testing.T) {
	db := openDB(t)
	const endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT "
	for range 2 * MaxViews {
		ctx, cancel := context.WithCancel(t.Context())
		wantErr(t, db.View(ctx, func(tx Tx) error {
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
		wantErr(t, db.View(ctx, func(tx Tx) error {
			return tx.queryRow(endless + "COUNT(*) FROM n").Scan(new(int))
		}), context.DeadlineExceeded, "")
		cancel()
		wantErr(t, db.View(ctx, func(Tx) error { return nil }), context.DeadlineExceeded, "")
	}
	if open := db.readers.Load().Stats().OpenConnections; open != 1 {
		t.Errorf("%d connections are open, want the 1 that is reused", open)
	}
	if n := number(t, db, countNames); n != 0 {
		t.Errorf("%d names, want none", n)
	}
}

// TestViewReserved: a view waits for a connection, no longer than its ctx allows; ViewReserved has one of its own.
func TestViewReserved(t *testing.T) {
	db := openDB(t)
	ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
	defer cancel()
	nothing := func(Tx) error { return nil }
	var views func(n int) error
	views = func(n int) error {
		if n > 0 {
			return db.View(ctx, func(Tx) error { return views(n - 1) })
		}
		late, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
		defer cancel()
		wantErr(t, db.View(late, nothing), context.DeadlineExceeded, "")
		return db.ViewReserved(ctx, nothing)
	}
	check(t, views(MaxViews))
	check(t, db.View(ctx, nothing))
}

// TestViewPanics: a panic takes no connection.
func TestViewPanics(t *testing.T) {
	db := openDB(t)
	for range 2 * MaxViews {
		func() {
			defer func() {
				if p := recover(); p != "own" {
					t.Errorf("recovered %v", p)
				}
			}()
			_ = db.View(t.Context(), func(Tx) error { panic("own") })
		}()
	}
	number(t, db, countNames)
}

func TestClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	check(t, makeAt(t.Context(), path))
	before := descriptors(t)
	db, err := Open(t.Context(), path, defaults())
	check(t, err)
	update(t, db, insert("a"))
	if n := number(t, db, countNames); n != 1 {
		t.Errorf("%d names, want 1", n)
	}
	check(t, db.Close())
	wantErr(t, db.View(t.Context(), func(Tx) error { return nil }), ErrClosed, "")
	wantErr(t, db.Update(t.Context(), insert("b")), ErrClosed, "")
	if after := descriptors(t); after != before {
		t.Errorf("descriptors after it was closed:\n%s\nbefore it was opened:\n%s", after, before)
	}
	if _, err := os.Lstat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log still exists: %v", err)
	}
}

// descriptors lists the open descriptors of databases and their other files.
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

// TestFileModes: only the owner can read the files of a new database, whatever the umask.
func TestFileModes(t *testing.T) {
	for _, umask := range []int{0, 0o77} {
		old := unix.Umask(umask)
		db := openDB(t)
		update(t, db, insert("a"))
		unix.Umask(old)
		for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
			info, err := os.Stat(db.writer.file.path + suffix)
			check(t, err)
			if info.Mode() != 0o600 {
				t.Errorf("%s is %v with umask %o", info.Name(), info.Mode(), umask)
			}
		}
	}
}

// TestOddPaths opens databases whose names have a meaning in URLs or to the shell.
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
		path, err := Path(test.database)
		check(t, err)
		db := openAt(t, path)
		update(t, db, insert("a"))
		for _, suffix := range []string{"", "-wal", ".lock"} {
			if _, err := os.Lstat(filepath.Join(dir, test.path+suffix)); err != nil {
				t.Errorf("%q: %v", test.database, err)
			}
		}
		t.Chdir("real") // which does not move the database
		number(t, db, countNames)
		t.Chdir(dir)
	}
	wantErr(t, makeAt(t.Context(), "link.db"), os.ErrNotExist, "linked.db") // nothing is made where a symlink leads
	check(t, makeAt(t.Context(), "real/linked.db"))
	db := openAt(t, "link.db")
	update(t, db, insert("a"))
	if _, err := os.Lstat("real/linked.db.lock"); err != nil {
		t.Error("two names of a database have two locks:", err)
	}
}

// TestMigrateWaits for other processes that write, but not endlessly.
func TestMigrateWaits(t *testing.T) {
	db := openDB(t)
	path, options := db.writer.file.path, Options{Timeout: 200 * time.Millisecond}
	lock := newFairLock(path)
	defer lock.close()
	check(t, lock.acquire(t.Context()))
	start := time.Now()
	wantErr(t, makeAt(t.Context(), path, options), ErrBusy, "other processes have been writing for 200ms")
	if took := time.Since(start); took < options.Timeout || took > 10*options.Timeout {
		t.Errorf("it took %v to give up", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, makeAt(ctx, path, options), context.Canceled, "")

	var all sync.WaitGroup
	all.Go(func() { check(t, makeAt(t.Context(), path)) })
	proctest.Eventually(t, "it waits in the gate", func() bool {
		waiting, err := osfile.IsLocked(lock.fd, gateByte)
		check(t, err)
		return waiting
	})
	lock.release()
	all.Wait()

	other := foreign(t, path) // without the lock
	execOn(t, other, "BEGIN IMMEDIATE")
	wantErr(t, Migrate(t.Context(), path, defaults(options), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, "DELETE FROM names")
		return err
	}), ErrBusy, "")
	execOn(t, other, "ROLLBACK")
}
