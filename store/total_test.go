package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTotals counts what there is of each API in each status while it changes.
func TestTotals(t *testing.T) {
	s := openStore(t)
	totals := func(want ...Count) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			got, err := tx.Totals()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return err
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
		_, err := tx.SetTransactionStatus(1, "a")
		if err == nil {
			err = tx.UpdateTransaction(Transaction{ID: 2, API: "b", Status: "b"})
		}
		return err
	})
	totals(Count{"a", "a", 1}, Count{"a", "b", 1}, Count{"b", "b", 2})
	update(t, s, func(tx *Tx) error { return tx.DeleteTransaction(3) })
	totals(Count{"a", "a", 1}, Count{"b", "b", 2})
	update(t, s, func(tx *Tx) error { return tx.DeleteAPI(2) })
	totals(Count{"a", "a", 1})
	update(t, s, func(tx *Tx) error { return tx.DeleteStatus(1) })
	totals()
	view(t, s, checkTables)
	if n := number(t, s, "SELECT COUNT(*) FROM counts_all"); n != 1 { // of a and b, 0
		t.Errorf("%d rows of totals, want 1: what is deleted leaves none", n)
	}
}
