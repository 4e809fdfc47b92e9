package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDeletion deletes an API and a status with more transactions than go into a commit, and records each batch, even before
// one that fails.
func TestDeletion(t *testing.T) {
	const n = 2*DeletionBatch + 7
	for _, test := range []struct {
		kind Kind
		last string
	}{
		{KindAPI, `{"description":["d",null],"params":["{}",null],"transactions":["5007",null]}`},
		{KindStatus, `{"description":["d",null],"transactions":["5007",null]}`},
	} {
		t.Run(string(test.kind), func(t *testing.T) {
			s := openStore(t)
			update(t, s, func(tx *Tx) error {
				_, api := tx.CreateNamed(Named{Kind: KindAPI, Name: "a", Description: "d"})
				_, status := tx.CreateNamed(Named{Kind: KindStatus, Name: "a", Description: "d"})
				createNames(t, tx, "b")
				_, err := tx.exec(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
					WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) SELECT 0, 1, 1, 0, 0 FROM n
					UNION ALL SELECT 0, 2, 2, 0, 0`, n)
				return errors.Join(api, status, err)
			})
			transactions := func(want int64) {
				t.Helper()
				if got := number(t, s, "SELECT COUNT(*) FROM transactions"); got != want {
					t.Fatalf("%d transactions, want %d", got, want)
				}
			}
			calls, failure := 0, errors.New("the second batch")
			err := NewDeletion(test.kind, 1, "ada").DeleteMost(func(f func(*Tx) error) error {
				if calls++; calls == 2 {
					return failure
				}
				return s.Update(t.Context(), f)
			})
			if !errors.Is(err, failure) {
				t.Errorf("%v, want %v", err, failure)
			}
			transactions(n + 1 - DeletionBatch)

			again := NewDeletion(test.kind, 1, "ada")
			check(t, again.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) }))
			transactions(7 + 1)
			update(t, s, again.Delete)
			transactions(1)
			wantErr(t, s.Update(t.Context(), again.Delete), ErrNotFound, string(test.kind))
			err = again.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) })
			wantErr(t, err, ErrNotFound, string(test.kind))

			var got []string
			for _, e := range walk(t, s, 10, func(tx *Tx, p Page) (Slice[Entry], error) { return tx.Entries(EntryQuery{Page: p}) }) {
				got = append(got, fmt.Sprintf("%s %s %s %d %s %s", e.Actor, e.Action, e.Kind, e.ObjectID, e.Object, e.Changes))
			}
			kind := string(test.kind)
			want := []string{
				"ada delete " + kind + " 1 a " + test.last,
				"ada change " + kind + ` 1 a {"transactions":["5007","7"]}`,
				"ada change " + kind + ` 1 a {"transactions":["10007","5007"]}`,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("audit log (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeletionWithWrongCounts: a deletion ends even if there are fewer transactions than the counts say.
func TestDeletionWithWrongCounts(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a")
		_, err := tx.exec("INSERT INTO counts_all VALUES (1, 1, 1000000)")
		return err
	})
	d := NewDeletion(KindAPI, 1, "ada")
	check(t, d.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) }))
	update(t, s, d.Delete)
}
