package store

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTotals: the numbers of transactions by API and status follow every change.
func TestTotals(t *testing.T) {
	s := openStore(t)
	ids := map[string]int64{"a": 1, "b": 2}
	totals := func(want ...Count) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			rows, err := tx.query(`SELECT a.name, s.name, c.n FROM counts_all c
				JOIN apis a ON a.id = c.api_id JOIN transaction_statuses s ON s.id = c.status_id
				WHERE c.n <> 0 ORDER BY a.name, s.name`)
			if err != nil {
				return err
			}
			got, err := scanCounts(rows)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			byAPI, byStatus := map[int64]int64{}, map[int64]int64{}
			for _, c := range want {
				byAPI[ids[c.API]] += c.N
				byStatus[ids[c.Status]] += c.N
			}
			wantCounts(t, tx, KindAPI, byAPI)
			wantCounts(t, tx, KindStatus, byStatus)
			return nil
		})
	}
	totals()
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b")
		for range 3 {
			if _, err := tx.CreateTransaction(Transaction{API: "a", Status: "b"}); err != nil {
				return err
			}
		}
		_, err := tx.CreateTransaction(Transaction{API: "b", Status: "b"})
		return err
	})
	totals(Count{"a", "b", 3}, Count{"b", "b", 1})
	update(t, s, func(tx *Tx) error {
		_, _, err := tx.SetTransactionStatus(1, "a")
		if err == nil {
			err = tx.UpdateTransaction(Transaction{ID: 2, API: "b", Status: "b"})
		}
		return err
	})
	totals(Count{"a", "a", 1}, Count{"a", "b", 1}, Count{"b", "b", 2})
	update(t, s, func(tx *Tx) error { return tx.DeleteTransaction(3) })
	totals(Count{"a", "a", 1}, Count{"b", "b", 2})
	update(t, s, func(tx *Tx) error { return tx.deleteNamed(KindAPI, 2) })
	totals(Count{"a", "a", 1})
	update(t, s, func(tx *Tx) error { return tx.deleteNamed(KindStatus, 1) })
	totals()
	view(t, s, checkTables)
	if n := number(t, s, "SELECT COUNT(*) FROM counts_all"); n != 1 { // of a and b, 0
		t.Errorf("%d rows of totals, want 1: a deleted API or status must leave none", n)
	}
}

// wantCounts checks counts by id; those that are 0 may be missing.
func wantCounts(t *testing.T, tx *Tx, k Kind, want map[int64]int64) {
	t.Helper()
	got, err := tx.CountBy(k)
	maps.DeleteFunc(got, func(_, n int64) bool { return n == 0 })
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%s: %v (-want +got):\n%s", k, err, diff)
	}
}
