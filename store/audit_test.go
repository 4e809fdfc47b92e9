package store

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAudit(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	var all []Entry
	update(t, s, func(tx *Tx) error {
		for i, e := range []Entry{
			{ID: 99, Actor: "ada", Action: ActionCreate, Kind: "api", ObjectID: 1, Object: "Mpesa"},
			{Actor: "ada", Action: ActionChange, Kind: "api", ObjectID: 1, Object: "Mpesa", Changes: json.RawMessage(`{"name": ["Mpesa","M'pesa"]}`)},
			{Actor: "token ci", Action: ActionCreate, Kind: "status", ObjectID: 1, Object: "Pending"},
			{Actor: "<b>", Action: ActionLogin, Kind: "user", ObjectID: 2, Object: "\x00\xff"},
			{Actor: "ada", Action: ActionDelete, Kind: "api", ObjectID: 2, Object: "Card"},
			{Actor: "ada", Action: ActionDelete, Kind: "api", ObjectID: 1, Object: "M'pesa"},
		} {
			if err := tx.Record(e); err != nil {
				return err
			}
			e.ID, e.Time = int64(i+1), c.now()
			if e.Changes == nil {
				e.Changes = json.RawMessage("{}")
			}
			all = append(all, e)
		}
		return nil
	})
	slices.Reverse(all)
	for _, test := range []struct {
		name string
		q    EntryQuery
		of   func(Entry) bool
	}{
		{"all", EntryQuery{}, func(Entry) bool { return true }},
		{"of a kind", EntryQuery{Kind: "api"}, func(e Entry) bool { return e.Kind == "api" }},
		{"of an object", EntryQuery{Kind: "api", ObjectID: 1}, func(e Entry) bool { return e.Kind == "api" && e.ObjectID == 1 }},
		{"of kinds", EntryQuery{Kinds: []string{"status", "user"}}, func(e Entry) bool { return e.Kind != "api" }},
		{"of none", EntryQuery{Kind: "x"}, func(Entry) bool { return false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []Entry
			for _, e := range all {
				if test.of(e) {
					want = append(want, e)
				}
			}
			got := walk(t, s, 2, func(tx *Tx, p Page) (Slice[Entry], error) {
				test.q.Page = p
				return tx.Entries(test.q)
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
