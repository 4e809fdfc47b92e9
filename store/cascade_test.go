package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCascade deletes an API and a status of more transactions than go into a commit, and records each portion, also before one
// that fails.
func TestCascade(t *testing.T) {
	const n = 2*CascadePortion + 7
	for _, test := range []struct {
		kind string
		make func(id int64, actor string) *Cascade
		last string
	}{
		{"api", CascadeAPI, `{"description":["d",null],"params":["{}",null],"transactions":["5007",null]}`},
		{"status", CascadeStatus, `{"description":["d",null],"transactions":["5007",null]}`},
	} {
		t.Run(test.kind, func(t *testing.T) {
			s := openStore(t, Options{Synchronous: "normal"})
			update(t, s, func(tx *Tx) error {
				_, api := tx.CreateAPI(API{Name: "a", Description: "d"})
				_, status := tx.CreateStatus(Status{Name: "a", Description: "d"})
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
			calls, failure := 0, errors.New("the second portion")
			err := test.make(1, "ada").DeleteMost(func(f func(*Tx) error) error {
				if calls++; calls == 2 {
					return failure
				}
				return s.Update(t.Context(), f)
			})
			if !errors.Is(err, failure) {
				t.Errorf("%v, want %v", err, failure)
			}
			transactions(n + 1 - CascadePortion)

			again := test.make(1, "ada")
			check(t, again.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) }))
			transactions(7 + 1)
			update(t, s, again.Delete)
			transactions(1)
			wantErr(t, s.Update(t.Context(), again.Delete), ErrNotFound, test.kind)
			err = again.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) })
			wantErr(t, err, ErrNotFound, test.kind)

			var got []string
			for _, e := range walk(t, s, 10, func(tx *Tx, p Page) (Slice[Entry], error) { return tx.Entries(EntryQuery{Page: p}) }) {
				got = append(got, fmt.Sprintf("%s %s %s %d %s %s", e.Actor, e.Action, e.Kind, e.ObjectID, e.Object, e.Changes))
			}
			want := []string{
				"ada delete " + test.kind + " 1 a " + test.last,
				"ada change " + test.kind + ` 1 a {"transactions":["5007","7"]}`,
				"ada change " + test.kind + ` 1 a {"transactions":["10007","5007"]}`,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("what is recorded (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCascadeOfWrongCounts comes to an end where there are fewer transactions than the counts say.
func TestCascadeOfWrongCounts(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a")
		_, err := tx.exec("INSERT INTO counts_all VALUES (1, 1, 1000000)")
		return err
	})
	c := CascadeAPI(1, "ada")
	check(t, c.DeleteMost(func(f func(*Tx) error) error { return s.Update(t.Context(), f) }))
	update(t, s, c.Delete)
}
