package store

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkWindowCounts counts windows of few and of many transactions in turns, with 30 pairs of API and status. It reports the
// cost of each, and its ratio to that of the smallest.
func BenchmarkWindowCounts(b *testing.B) {
	sizes := []int{100, 100_000, 1_000_000}
	stores := make([]*Store, len(sizes))
	for i, n := range sizes {
		stores[i] = openStore(b)
		update(b, stores[i], func(tx *Tx) error { return insertMany(tx, n, window) })
		update(b, stores[i], (*Tx).moveWindow)
	}
	costs, ratios := make([][]float64, len(sizes)), make([][]float64, len(sizes))
	count := func(s *Store) float64 {
		start := time.Now()
		view(b, s, func(tx *Tx) error {
			_, err := tx.WindowCounts()
			return err
		})
		return float64(time.Since(start))
	}
	for b.Loop() {
		var first float64
		for i, s := range stores {
			cost := count(s)
			if i == 0 {
				first = cost
			}
			costs[i], ratios[i] = append(costs[i], cost), append(ratios[i], cost/first)
		}
	}
	for i, n := range sizes {
		b.ReportMetric(median(costs[i])/1000, fmt.Sprintf("µs/%d", n))
		b.ReportMetric(median(ratios[i]), fmt.Sprintf("x/%d", n))
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkTriggers inserts transactions of this moment with and without the triggers that count them, in turns. It reports the
// medians of the cost of one, and of the ratio.
func BenchmarkTriggers(b *testing.B) {
	for _, bc := range []struct{ inserts, commits int }{{1, 200}, {1000, 5}} {
		b.Run(fmt.Sprintf("%d per commit", bc.inserts), func(b *testing.B) {
			full := Options{Synchronous: "full"}
			counted, plain := openStore(b, full), openStore(b, full)
			execIn(b, plain, "DROP TRIGGER counts_insert")
			insert := func(s *Store) float64 {
				start := time.Now()
				for range bc.commits {
					update(b, s, func(tx *Tx) error { return insertMany(tx, bc.inserts, 0) })
				}
				return float64(time.Since(start)) / float64(bc.commits*bc.inserts)
			}
			var with, without, ratios []float64
			for b.Loop() {
				w, p := insert(counted), insert(plain)
				with, without, ratios = append(with, w), append(without, p), append(ratios, w/p)
			}
			b.ReportMetric(median(ratios), "x")
			b.ReportMetric(median(with), "ns/counted")
			b.ReportMetric(median(without), "ns/plain")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// insertMany inserts transactions of 30 pairs of API and status, modified at even intervals in a span before now.
func insertMany(tx *Tx, n int, span time.Duration) error {
	_, err := tx.exec(`
		WITH RECURSIVE name (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM name WHERE i < 6)
		INSERT OR IGNORE INTO apis (id, name, description, params) SELECT i, 'API ' || i, '', '{}' FROM name`)
	if err != nil {
		return err
	}
	_, err = tx.exec(`
		WITH RECURSIVE name (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM name WHERE i < 5)
		INSERT OR IGNORE INTO transaction_statuses (id, name, description) SELECT i, 'Status ' || i, '' FROM name`)
	if err != nil {
		return err
	}
	_, err = tx.exec(`
		WITH RECURSIVE row (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM row WHERE i + 1 < ?1)
		INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
		SELECT 10000 * i, 1 + i % 6, 1 + i / 6 % 5, ?2, ?2 - ?3 * i / ?1 FROM row`,
		n, tx.now.UnixMicro(), span.Microseconds())
	return err
}
