package store

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/internal/proctest"
	"multiproc/store/internal/sqlite"
)

var (
	firstSeed = flag.Uint64("seed", 1, "of the first sequence that TestWindowCounts runs")
	sequences = flag.Int("sequences", 0, "number of sequences that TestWindowCounts runs; 0: as the tier has it")
)

// TestWindowCounts changes transactions in all ways that SQL has, by a Store and by a connection of another program, while
// the clock goes on or is set, and the window is moved or recounted at any time. After each step the counts must equal
// those of a plain query, at this and at other moments, and the tables must agree with one another.
func TestWindowCounts(t *testing.T) {
	n := *sequences
	if n == 0 {
		n = proctest.Rounds(16, 60)
	}
	for i := range n {
		seed := *firstSeed + uint64(i)
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			p := newRandomWrites(t, seed)
			for range 80 {
				if err := p.step(); err != nil {
					t.Fatalf("%v\nrepeat it: go test ./store -run TestWindowCounts -seed %d -sequences 1\nnow %d\n%s",
						err, seed, p.now.Load(), strings.Join(p.log, "\n"))
				}
			}
		})
	}
}

// TestWindowCountsWhileWriting counts while two Stores write.
func TestWindowCountsWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "multiproc.db")
	stores := []*Store{openStoreAt(t, path), openStoreAt(t, path)}
	done := make(chan struct{})
	var writers sync.WaitGroup
	for _, s := range stores {
		writers.Go(func() {
			for i := range proctest.Rounds(100, 200) {
				write := func(tx *Tx) error { return insertMany(tx, 10, window+time.Hour) }
				switch i % 10 {
				case 3:
					write = (*Tx).Recount
				case 6:
					write = (*Tx).moveWindow
				case 9:
					write = func(tx *Tx) error {
						_, err := tx.exec("UPDATE transactions SET status_id = 1 + id % 5, time_modified = ? WHERE id % 7 = ?", tx.now.UnixMicro(), i%7)
						return err
					}
				}
				if err := s.Update(t.Context(), write); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		writers.Wait()
		close(done)
	}()
	for n := 0; ; n++ {
		view(t, stores[n%2], compareCounts)
		select {
		case <-done:
			t.Logf("counted %d times", n)
			return
		default:
		}
	}
}

// TestWindowCountsWaitForNoView counts while all connections of View are in use.
func TestWindowCountsWaitForNoView(t *testing.T) {
	s := openStore(t)
	ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
	defer cancel()
	var views func(n int) error
	views = func(n int) error {
		if n == 0 {
			_, err := s.WindowCounts(ctx)
			return err
		}
		return s.View(ctx, func(*Tx) error { return views(n - 1) })
	}
	check(t, views(sqlite.MaxViews))
}

// compareCounts compares the counts with those of a plain query.
func compareCounts(tx *Tx) error {
	got, err := tx.WindowCounts()
	if err != nil {
		return err
	}
	want, err := plainCounts(tx)
	if err != nil {
		return err
	}
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("counts at %d (-plain +got):\n%s", tx.now.UnixMicro(), diff)
	}
	return compareTimeline(tx, want)
}

// compareTimeline compares the sums of a timeline of the window with its counts.
func compareTimeline(tx *Tx, counts []Count) error {
	want := map[string]int64{}
	for _, c := range counts {
		want[c.Status] += c.N
	}
	statuses := slices.Sorted(maps.Keys(want))
	statuses = statuses[:len(statuses)/2] // the rest are the others
	t, err := tx.Timeline(24, 60, statuses)
	if err != nil {
		return err
	}
	sum := func(counts []int64) (n int64) {
		for _, c := range counts {
			n += c
		}
		return n
	}
	got, others := map[string]int64{}, sum(t.Others)
	for _, status := range statuses {
		got[status] = sum(t.Counts[status])
	}
	for status, n := range want {
		if !slices.Contains(statuses, status) {
			others -= n
			delete(want, status)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || others != 0 {
		return fmt.Errorf("the timeline at %d has %d others too many (-counts +timeline):\n%s", tx.now.UnixMicro(), others, diff)
	}
	return nil
}

func plainCounts(tx *Tx) ([]Count, error) {
	now := tx.now.UnixMicro()
	rows, err := tx.query(`
		SELECT a.name, s.name, COUNT(*) FROM transactions t
		JOIN apis a ON a.id = t.api_id JOIN transaction_statuses s ON s.id = t.status_id
		WHERE t.time_modified > ? AND t.time_modified <= ?
		GROUP BY a.name, s.name ORDER BY a.name, s.name`, now-window.Microseconds(), now)
	if err != nil {
		return nil, err
	}
	return scanCounts(rows)
}

// checkTables checks the tables of counts against the transactions.
func checkTables(tx *Tx) error {
	for what, query := range map[string]string{
		"minutes": `
			WITH want AS (SELECT minute, api_id, status_id, COUNT(*) AS n FROM transactions
				WHERE minute >= (SELECT horizon FROM counts_window) GROUP BY minute, api_id, status_id),
			got AS (SELECT minute, api_id, status_id, n FROM counts_minute WHERE n <> 0)
			SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM want EXCEPT SELECT * FROM got)
				UNION ALL SELECT * FROM (SELECT * FROM got EXCEPT SELECT * FROM want))`,
		"totals": `
			WITH want AS (SELECT api_id, status_id, COUNT(*) AS n FROM transactions, counts_window
				WHERE since <= minute AND minute < until GROUP BY api_id, status_id),
			got AS (SELECT api_id, status_id, n FROM counts_total WHERE n <> 0)
			SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM want EXCEPT SELECT * FROM got)
				UNION ALL SELECT * FROM (SELECT * FROM got EXCEPT SELECT * FROM want))`,
		"totals of all times": `
			WITH want AS (SELECT api_id, status_id, COUNT(*) AS n FROM transactions GROUP BY api_id, status_id),
			got AS (SELECT api_id, status_id, n FROM counts_all WHERE n <> 0)
			SELECT COUNT(*) FROM (SELECT * FROM (SELECT * FROM want EXCEPT SELECT * FROM got)
				UNION ALL SELECT * FROM (SELECT * FROM got EXCEPT SELECT * FROM want))`,
		"totals without names": `SELECT COUNT(*) FROM counts_all
			WHERE api_id NOT IN (SELECT id FROM apis) OR status_id NOT IN (SELECT id FROM transaction_statuses)`,
		"minutes before the horizon": `SELECT COUNT(*) FROM counts_minute, counts_window WHERE minute < horizon`,
		"windows other than one":     `SELECT COUNT(*) - 1 FROM counts_window`,
	} {
		var wrong int
		if err := tx.queryRow(query).Scan(&wrong); err != nil {
			return err
		}
		if wrong != 0 {
			return fmt.Errorf("%d wrong %s", wrong, what)
		}
	}
	return nil
}

// TestWindowCountsPlan: a scrape reads only what it needs, whatever the tables contain.
func TestWindowCountsPlan(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		if err := insertMany(tx, 10_000, window); err != nil {
			return err
		}
		_, err := tx.exec("ANALYZE")
		return err
	})
	for _, step := range planOf(t, s, countsOfWindow, make([]any, 13)...) {
		if step.detail == "SCAN transactions" || strings.HasPrefix(step.detail, "SCAN counts_minute") || strings.Contains(step.detail, "transactions") &&
			!strings.Contains(step.detail, "COVERING INDEX transactions_modified (time_modified>? AND time_modified<?)") {
			t.Error(step.detail)
		}
	}
}

func TestMinute(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	for at, want := range map[int64]minute{
		0: 0, 1: 0, 59_999_999: 0, 60_000_000: 1, -1: -1, -60_000_000: -1, -60_000_001: -2,
		today: 29_496_140, -1 << 63: -153_722_867_281, 1<<63 - 1: 153_722_867_280,
	} {
		if got := minuteOf(at); got != want {
			t.Errorf("minuteOf(%d) = %d, want %d", at, got, want)
		}
		update(t, s, func(tx *Tx) error {
			if err := insertAt(tx, at); err != nil {
				return err
			}
			var got minute
			if err := tx.queryRow("SELECT minute FROM transactions WHERE time_modified = ?", at).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("the minute of %d in SQL is %d, want %d", at, got, want)
			}
			return nil
		})
	}
}

// insertAt inserts a transaction of API 1 in status 1, and both of these if necessary.
func insertAt(tx *Tx, modified int64) error {
	for _, query := range []string{
		"INSERT OR IGNORE INTO apis (id, name, description, params) VALUES (1, 'a', '', '{}')",
		"INSERT OR IGNORE INTO transaction_statuses (id, name, description) VALUES (1, 'x', '')",
	} {
		if _, err := tx.exec(query); err != nil {
			return err
		}
	}
	_, err := tx.exec("INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified) VALUES (1, 1, 1, 0, ?)", modified)
	return err
}
