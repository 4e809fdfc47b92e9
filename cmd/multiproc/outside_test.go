package main

import (
	"database/sql"
	"fmt"
	"maps"
	"testing"
	"time"
)

// outside opens the database as another program would.
func (k *tracker) outside() *sql.DB {
	k.tb.Helper()
	return openOutside(k.tb, k.database)
}

func openOutside(tb testing.TB, database string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite3", "file:"+database+"?mode=rw&_busy_timeout=60000&_foreign_keys=on&_txlock=immediate")
	check(tb, err)
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// execOutside changes an existing database as another program would.
func execOutside(tb testing.TB, database, statement string, args ...any) {
	tb.Helper()
	db := openOutside(tb, database)
	defer db.Close()
	if _, err := db.ExecContext(tb.Context(), statement, args...); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

// rows returns the numbers of the transactions in the database, by id.
func (k *tracker) rows() map[int64]int64 {
	k.tb.Helper()
	db := k.outside()
	defer db.Close()
	rows, err := db.QueryContext(k.tb.Context(), "SELECT id, amount FROM transactions")
	check(k.tb, err)
	defer rows.Close()
	found := map[int64]int64{}
	for rows.Next() {
		var id, amount int64
		check(k.tb, rows.Scan(&id, &amount))
		if amount%10000 != 2500 {
			k.tb.Errorf("transaction %d has the amount %d", id, amount)
		}
		found[id] = amount / 10000
	}
	check(k.tb, rows.Err())
	return found
}

// mustBeSound runs SQLite's checks on the database and compares the page of metrics with it.
func (k *tracker) mustBeSound() {
	k.tb.Helper()
	db := k.outside()
	defer db.Close()
	for _, check := range []struct{ pragma, want string }{
		{"PRAGMA integrity_check", "ok"},
		{"SELECT count(*) FROM pragma_foreign_key_check", "0"},
	} {
		var got string
		if err := db.QueryRowContext(k.tb.Context(), check.pragma).Scan(&got); err != nil || got != check.want {
			k.tb.Errorf("%s: %s, %v", check.pragma, got, err)
		}
	}
	if want, got := k.counted(), k.gauge(); !maps.Equal(got, want) {
		k.tb.Errorf("api_transactions is %v, in the database are %v", got, want)
	}
	if up := k.valueOf("multiproc_store_up"); up != 1 {
		k.tb.Errorf("multiproc_store_up is %v", up)
	}
}

// counted counts the transactions of the last 24 hours by SQL, by the gauge's labels.
func (k *tracker) counted() map[string]float64 {
	k.tb.Helper()
	db := k.outside()
	defer db.Close()
	const day = 24 * 60 * 60 * 1_000_000
	now := time.Now().UnixMicro()
	rows, err := db.QueryContext(k.tb.Context(), `
		SELECT apis.name, transaction_statuses.name, count(*) FROM transactions
		JOIN apis ON apis.id = api_id JOIN transaction_statuses ON transaction_statuses.id = status_id
		WHERE time_modified > ? AND time_modified <= ? GROUP BY 1, 2`, now-day, now)
	check(k.tb, err)
	defer rows.Close()
	counts := map[string]float64{}
	for rows.Next() {
		var api, status string
		var n float64
		check(k.tb, rows.Scan(&api, &status, &n))
		counts[fmt.Sprintf("{api=%q,status=%q}", api, status)] = n
	}
	check(k.tb, rows.Err())
	return counts
}
