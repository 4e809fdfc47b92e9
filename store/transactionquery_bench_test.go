package store

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// BenchmarkTransactions lists the first page of each list of a million transactions, half of which are of a thousand APIs.
func BenchmarkTransactions(b *testing.B) {
	s := openStore(b)
	const n = 1_000_000
	now := time.Now().UTC()
	update(b, s, func(tx *Tx) error {
		createNames(b, tx, "a", "b", "c", "rare")
		for i := range 1000 {
			if _, err := tx.CreateNamed(Named{Kind: KindAPI, Name: fmt.Sprintf("many %d", i)}); err != nil {
				return err
			}
		}
		_, err := tx.exec(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
			SELECT abs(random() % 1000000000), CASE i % 2 WHEN 0 THEN 1 + abs(random() % 3) ELSE 5 + abs(random() % 1000) END, CASE i % 250000 WHEN 0 THEN 4 ELSE 1 + abs(random() % 3) END,
			?2 - (?1 - i) * 86400, ?2 - (?1 - i) * 86400 + abs(random() % 30000000) FROM n`, n, now.UnixMicro())
		return err
	})
	middle := now.Add(-12 * time.Hour)
	for _, status := range []string{"a", "rare"} {
		eachQuery(TransactionFilter{API: "a", Status: status, From: middle, Until: middle.Add(5 * time.Minute)}, func(name string, q TransactionQuery) {
			if !q.Sort.Descending || status == "rare" && q.Status == "" {
				return
			}
			b.Run(strings.ReplaceAll(name, "status", status), func(b *testing.B) {
				for b.Loop() {
					view(b, s, func(tx *Tx) error {
						_, err := tx.Transactions(q)
						return err
					})
				}
			})
		})
	}
	for _, q := range []TransactionQuery{
		{TransactionFilter: TransactionFilter{Search: "123456"}},
		{TransactionFilter: TransactionFilter{Search: "#123456"}},
		{TransactionFilter: TransactionFilter{Search: "rar"}},
		{TransactionFilter: TransactionFilter{Search: "many"}},
		{TransactionFilter: TransactionFilter{Search: "many"}, Page: Page{Limit: 500}},
		{TransactionFilter: TransactionFilter{Search: "many 7"}, Page: Page{After: numberCursor("id", 500_000, 500_000)}},
		{TransactionFilter: TransactionFilter{Search: "4711"}},
		{TransactionFilter: TransactionFilter{Search: "rar"}, Sort: Sort{SortModified, true}},
		{TransactionFilter: TransactionFilter{Search: "none"}, Sort: Sort{SortModified, true}},
		{Page: Page{After: numberCursor("id", 500_000, 500_000)}},
		{Page: Page{Before: numberCursor("id", 500_000, 500_000)}},
	} {
		b.Run(strings.TrimRight(strings.Join([]string{q.Sort.String(), q.Search, string(q.After), string(q.Before), fmt.Sprint(q.Limit)}, " "), " "), func(b *testing.B) {
			for b.Loop() {
				view(b, s, func(tx *Tx) error {
					_, err := tx.Transactions(q)
					return err
				})
			}
		})
	}
}
