package store

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// upTo returns the migrations of a program of this version of the schema.
func upTo(tb testing.TB, version int) fstest.MapFS {
	tb.Helper()
	names, err := fs.Glob(migrations(), "*.sql")
	check(tb, err)
	files := fstest.MapFS{}
	for _, name := range names[:min(version, len(names))] {
		content, err := fs.ReadFile(migrations(), name)
		check(tb, err)
		files[filepath.Base(name)] = &fstest.MapFile{Data: content}
	}
	return files
}

// Rows and statements of programs of versions 3 and 4.
const (
	oldRows = `
		INSERT INTO users (name, role, active, created, last_login, password) VALUES ('Ada', 'superuser', 1, 1, 2, 'x'), ('bob', 'viewer', 0, 1, NULL, 'y');
		INSERT INTO sessions (hash, user_id, created, seen) VALUES (randomblob(32), 1, 1, 2);
		INSERT INTO api_tokens (hash, name, read_only, created, created_by) VALUES (randomblob(32), 'till', 0, 1, 'Ada');
		INSERT INTO audit_log (time, actor, action, kind, object_id, object, changes) VALUES (1, 'Ada', 'create', 'api', 1, 'a', '{}');
		INSERT INTO idempotency_keys (token_id, key, fingerprint, status, location, body, created) VALUES (1, 'k', randomblob(32), 201, '/', x'00', 1)`
	oldInsert = `INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
		SELECT ?, a.id, s.id, ?, ? FROM apis a, transaction_statuses s WHERE a.name = +? AND s.name = +?`
	oldUpdate = `UPDATE transactions SET amount = ?, api_id = a.id, status_id = s.id, time_modified = ?
		FROM apis a, transaction_statuses s WHERE a.name = +? AND s.name = +? AND transactions.id = +?`
	oldSelect = `SELECT t.id, a.name, s.name, t.amount, t.time_created, t.time_modified
		FROM transactions t CROSS JOIN apis a ON a.id = t.api_id CROSS JOIN transaction_statuses s ON s.id = t.status_id WHERE t.id = +?`
)

// oldRecount recounts as a program of versions 3 and 4 did, except that it does not move the window.
func oldRecount(tx *Tx) error {
	now := minuteOf(tx.now.UnixMicro())
	oldest := now - minutesKept
	for _, query := range []string{"DELETE FROM counts_minute", "DELETE FROM counts_total"} {
		if _, err := tx.exec(query); err != nil {
			return err
		}
	}
	if err := tx.countMinutes(oldest.start(), 1<<62); err != nil {
		return err
	}
	_, err := tx.exec("INSERT OR REPLACE INTO counts_window VALUES (1, ?, ?, ?)", oldest, now, now)
	return err
}

// TestOlderGeneration fills a database of an older version, migrates it, and has programs of that version go on writing: no row is
// lost, and all counts are right.
func TestOlderGeneration(t *testing.T) {
	for _, version := range []int{3, 4, 5} {
		t.Run(fmt.Sprint("version ", version), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "multiproc.db")
			_, is, err := migrate(t.Context(), path, Options{}, upTo(t, version))
			check(t, err)
			if is != int64(version) {
				t.Fatalf("version %d, want %d", is, version)
			}
			old := &Tx{ctx: t.Context(), db: openConn(t, path), now: time.Now().UTC()}
			check(t, insertMany(old, 2000, 10*window))
			_, err = old.exec(oldRows)
			check(t, err)
			before := dump(t, old, nil)
			if len(before) < 12 {
				t.Fatalf("only these tables: %v", before)
			}

			_, _, err = Migrate(t.Context(), path, Options{})
			check(t, err)
			if diff := cmp.Diff(before, dump(t, old, before)); diff != "" {
				t.Errorf("rows (-before +after):\n%s", diff)
			}
			counted := func(after string) {
				t.Helper()
				s := openStoreAt(t, path)
				view(t, s, func(tx *Tx) error {
					if err := checkTables(tx); err != nil {
						t.Errorf("%s: %v", after, err)
					}
					return compareCounts(tx)
				})
			}
			counted("the migration")

			now := old.now.UnixMicro()
			exec := func(query string, args ...any) {
				t.Helper()
				if _, err := old.exec(query, args...); err != nil {
					t.Fatalf("%s: %v", query, err)
				}
			}
			for i := range 40 {
				exec(oldInsert, i, now, now, fmt.Sprint("API ", 1+i%6), fmt.Sprint("Status ", 1+i%5))
			}
			exec(oldUpdate, 1, now, "API 1", "Status 2", 3)
			exec("DELETE FROM transactions WHERE id = 4")
			exec("DELETE FROM apis WHERE id = 6")
			exec("DELETE FROM transaction_statuses WHERE id = 5")
			var id, amount, created, modified int64
			var api, status string
			check(t, old.queryRow(oldSelect, 3).Scan(&id, &api, &status, &amount, &created, &modified))
			if api != "API 1" || status != "Status 2" || amount != 1 || modified != now {
				t.Errorf("an older program reads %s, %s, %d, %d", api, status, amount, modified)
			}
			counted("what an older program wrote")

			for name, recount := range map[string]func(*Tx) error{"an older program": oldRecount, "this one": (*Tx).Recount} {
				exec(`PRAGMA recursive_triggers = off;
					INSERT OR REPLACE INTO transactions (id, amount, api_id, status_id, time_created, time_modified)
					SELECT id, amount, 1, 1, time_created, time_modified FROM transactions WHERE id % 3 = 0;
					PRAGMA recursive_triggers = on`)
				if checkTables(old) == nil {
					t.Fatal("the counts are right without the triggers")
				}
				check(t, recount(old))
				counted("a recount by " + name)
			}
		})
	}
}

// dump returns the columns and the rows of all tables, by name, or of the tables and columns of another dump.
func dump(tb testing.TB, tx *Tx, of map[string][]string) map[string][]string {
	tb.Helper()
	tables := map[string][]string{}
	for table := range of {
		tables[table] = of[table][:1]
	}
	if of == nil {
		for _, table := range texts(tb, tx, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'goose%'") {
			tables[table] = []string{strings.Join(texts(tb, tx, "SELECT name FROM pragma_table_xinfo(?)", table), ", ")}
		}
	}
	for table, columns := range tables {
		quoted := "quote(" + strings.ReplaceAll(columns[0], ", ", ") || ', ' || quote(") + ")"
		tables[table] = append(columns[:1:1], texts(tb, tx, "SELECT "+quoted+" FROM "+table+" ORDER BY 1")...)
	}
	return tables
}

func texts(tb testing.TB, tx *Tx, query string, args ...any) (all []string) {
	tb.Helper()
	rows, err := tx.query(query, args...)
	check(tb, err)
	defer rows.Close()
	for rows.Next() {
		var text string
		check(tb, rows.Scan(&text))
		all = append(all, text)
	}
	check(tb, rows.Err())
	return all
}
