package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{"turns": turnsChild, "hold": holdChild, "commit": commitChild, "insert": insertChild})
}

// defaults fills in the options that a test does not care about.
func defaults(options ...Options) Options {
	var o Options
	if len(options) > 0 {
		o = options[0]
	}
	if o.Synchronous == "" {
		o.Synchronous = "full"
	}
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Idle == 0 {
		o.Idle = time.Hour
	}
	return o
}

// openDB opens a new database, which is closed at the end of the test.
func openDB(tb testing.TB, options ...Options) *DB {
	tb.Helper()
	return openAt(tb, filepath.Join(tb.TempDir(), "x.db"), options...)
}

// openAt opens the database at path, and creates it if there is none.
func openAt(tb testing.TB, path string, options ...Options) *DB {
	tb.Helper()
	check(tb, makeAt(tb.Context(), path, options...))
	db, err := Open(tb.Context(), path, defaults(options...))
	check(tb, err)
	db.writer.turn = time.Minute // however slow the machine is
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return db
}

// makeAt creates a database with a table of names, and one that refers to it, unless there is one.
func makeAt(ctx context.Context, path string, options ...Options) error {
	return Migrate(ctx, path, defaults(options...), func(ctx context.Context, db *sql.DB) error {
		_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
			CREATE TABLE IF NOT EXISTS uses (name_id INTEGER NOT NULL REFERENCES names (id))`)
		return err
	})
}

// insert inserts a name, of which there can be one.
func insert(name string) func(Tx) error {
	return func(tx Tx) error {
		_, err := tx.exec("INSERT INTO names (name) VALUES (?)", name)
		return err
	}
}

const countNames = "SELECT COUNT(*) FROM names"

func (tx Tx) exec(query string, args ...any) (sql.Result, error) {
	return tx.Conn.ExecContext(tx.Ctx, query, args...)
}

func (tx Tx) query(query string, args ...any) (*sql.Rows, error) {
	return tx.Conn.QueryContext(tx.Ctx, query, args...)
}

func (tx Tx) queryRow(query string, args ...any) *sql.Row {
	return tx.Conn.QueryRowContext(tx.Ctx, query, args...)
}

// number returns the number that a query selects.
func number(tb testing.TB, db *DB, query string, args ...any) (n int64) {
	tb.Helper()
	view(tb, db, func(tx Tx) error { return tx.queryRow(query, args...).Scan(&n) })
	return n
}

// view calls View, which must not fail.
func view(tb testing.TB, db *DB, f func(Tx) error) {
	tb.Helper()
	check(tb, db.View(tb.Context(), f))
}

// update calls Update, which must not fail.
func update(tb testing.TB, db *DB, f func(Tx) error) {
	tb.Helper()
	check(tb, db.Update(tb.Context(), f))
}

// checkIntegrity has SQLite check the whole database.
func checkIntegrity(tb testing.TB, path string) {
	tb.Helper()
	var result string
	check(tb, foreign(tb, path).QueryRowContext(tb.Context(), "PRAGMA integrity_check").Scan(&result))
	if result != "ok" {
		tb.Errorf("the database is damaged: %s", result)
	}
}

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

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// silent checks that a child has not reported anything.
func silent(tb testing.TB, reports []string) {
	tb.Helper()
	if len(reports) > 0 {
		tb.Errorf("unexpected reports: %q", reports)
	}
}

// startCommit starts a process that is in the middle of a commit to the database at path.
func startCommit(t *testing.T, path string) *proctest.Child {
	t.Helper()
	c := proctest.Start(t, "commit", path)
	for _, want := range []string{"migrated", "in the lock"} {
		if got := c.Line(); got != want {
			t.Fatalf("%q instead of %q", got, want)
		}
	}
	return c
}

// finishCommit lets that process finish its commit.
func finishCommit(t *testing.T, c *proctest.Child) {
	t.Helper()
	c.Send("commit")
	if got := c.Line(); got != "committed" {
		t.Error(got)
	}
}

// commitChild makes a commit, and waits for a line in the middle of it and after it.
func commitChild(args []string) error {
	ctx := context.Background()
	if err := makeAt(ctx, args[0]); err != nil {
		return err
	}
	fmt.Println("migrated")
	stdin := bufio.NewScanner(os.Stdin)
	db, err := Open(ctx, args[0], defaults(Options{Committing: func() {
		fmt.Println("in the lock")
		stdin.Scan()
	}}))
	if err != nil {
		return err
	}
	if err := db.Update(ctx, insert("child")); err != nil {
		return err
	}
	fmt.Println("committed")
	stdin.Scan()
	return db.Close()
}

// insertChild inserts the name in each line, and prints how many there are then, or the error.
func insertChild(args []string) error {
	ctx := context.Background()
	db, err := Open(ctx, args[0], defaults())
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var n int
		err := db.Update(ctx, insert(lines.Text()))
		if err == nil {
			err = db.View(ctx, func(tx Tx) error { return tx.queryRow(countNames).Scan(&n) })
		}
		if err != nil {
			fmt.Println(err)
		} else {
			fmt.Println(n)
		}
	}
	return db.Close()
}
