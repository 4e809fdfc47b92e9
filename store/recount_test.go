package store

import (
	"path/filepath"
	"testing"
	"time"
)

// TestMoveWindow sets the clock forward by months, back, and forward again: the tables follow in batches, and come to rest.
func TestMoveWindow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "multiproc.db")
	openStoreAt(t, path)
	// Not by the Store, which would move the window first.
	tx := &Tx{ctx: t.Context(), db: openConn(t, path), now: time.UnixMicro(today).Truncate(time.Minute)}
	const n, combinations, atOnce = 2 * 3 * 24 * 60, 30, 300
	check(t, tx.Recount())
	check(t, insertMany(tx, n, 3*window)) // at the start of each minute and in the middle of it
	for _, step := range []struct {
		name     string
		by       time.Duration
		min, max int // calls
	}{
		{"a minute on", time.Minute, 1, 1},
		{"months on", 60 * window, n / atOnce * 9 / 10, n / atOnce},
		{"months back", -60 * window, 2, n / atOnce},
		{"years back, before all transactions", -3000 * window, n / 2 / atOnce, n / atOnce},
		{"years on", 3000 * window, 1, 1},
		{"a day back", -window, 1, 1},
	} {
		tx.now = tx.now.Add(step.by)
		calls := -1 // the last one does nothing
		for changes := 1; changes > 0; calls++ {
			if calls > step.max {
				t.Fatalf("%s: the window still moves after %d calls", step.name, calls)
			}
			before := totalChanges(t, tx)
			check(t, tx.move(atOnce))
			changes = totalChanges(t, tx) - before
			// The totals, the window and the rest of a minute are not counted.
			if limit := atOnce + 3*combinations; changes > limit {
				t.Errorf("%s: %d rows changed in one call, want at most %d", step.name, changes, limit)
			}
			check(t, compareCounts(tx))
			check(t, checkTables(tx))
		}
		if calls < step.min {
			t.Errorf("%s: %d calls, want more", step.name, calls)
		}
		checkWindow(t, tx)
	}
}

// TestMoveWindowOverFullMinute moves past a minute that has more rows than move at once.
func TestMoveWindowOverFullMinute(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "multiproc.db")
	openStoreAt(t, path)
	tx := &Tx{ctx: t.Context(), db: openConn(t, path), now: time.UnixMicro(today)}
	check(t, tx.Recount())
	check(t, insertMany(tx, 30, 0))
	for _, by := range []time.Duration{60 * window, -60 * window} {
		tx.now = tx.now.Add(by)
		for range 2 {
			check(t, tx.move(1))
		}
		checkWindow(t, tx)
		check(t, compareCounts(tx))
	}
}

func totalChanges(t *testing.T, tx *Tx) (n int) {
	t.Helper()
	check(t, tx.queryRow("SELECT total_changes()").Scan(&n))
	return n
}

// checkWindow checks that the window is where a count costs least.
func checkWindow(t *testing.T, tx *Tx) {
	t.Helper()
	c, err := tx.counted()
	check(t, err)
	now := minuteOf(tx.now.UnixMicro())
	if c.since != now-minutesOfWindow+1 || c.until != now || c.horizon > now-minutesOfWindow || c.horizon < now-minutesKept {
		t.Errorf("the window is %+v at minute %d", c, now)
	}
}

// TestMoveWindowDropsTotals: the totals of a deleted API or status are dropped.
func TestMoveWindowDropsTotals(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := openStore(t, Options{now: c.now})
	update(t, s, func(tx *Tx) error { return insertMany(tx, 3000, window) })
	totals := func(want int64) {
		t.Helper()
		c.advance(time.Minute)
		update(t, s, (*Tx).moveWindow)
		if got := number(t, s, "SELECT COUNT(*) FROM counts_total"); got != want {
			t.Errorf("there are totals of %d combinations, want %d", got, want)
		}
	}
	totals(6 * 5)
	execIn(t, s, "DELETE FROM apis WHERE id = 1; DELETE FROM transaction_statuses WHERE id = 2")
	totals(5 * 4)
}

// TestCountsOfOldDatabase migrates a database with transactions and no counts.
func TestCountsOfOldDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "multiproc.db")
	_, _, err := migrate(t.Context(), path, Options{}, upTo(t, 1))
	check(t, err)
	tx := &Tx{ctx: t.Context(), db: openConn(t, path), now: time.Now()}
	check(t, insertMany(tx, 1000, 10*window))
	_, _, err = Migrate(t.Context(), path, Options{})
	check(t, err)
	check(t, compareCounts(tx))
	check(t, checkTables(tx))
}
