package store

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestAudit(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	var all []Entry
	for i, e := range []Entry{
		{ID: 99, Actor: "ada", Action: ActionCreate, Kind: "api", ObjectID: 1, Object: "Mpesa"},
		{Actor: "ada", Action: ActionChange, Kind: "api", ObjectID: 1, Object: "Mpesa", Changes: json.RawMessage(`{"name": ["Mpesa","M'pesa"]}`)},
		{Actor: "token ci", Action: ActionCreate, Kind: "status", ObjectID: 1, Object: "Pending"},
		{Actor: "<b>", Action: ActionLogin, Kind: "user", ObjectID: 2, Object: "\x00\xff"},
		{Actor: "ada", Action: ActionDelete, Kind: "api", ObjectID: 2, Object: "Card"},
		{Actor: "ada", Action: ActionDelete, Kind: "api", ObjectID: 1, Object: "M'pesa"},
	} {
		switch i {
		case 2, 4:
			c.advance(time.Second)
		case 5:
			c.advance(-3 * time.Second) // the clock is set back
		}
		update(t, s, func(tx *Tx) error { return tx.Record(e) })
		e.ID, e.Time = int64(i+1), c.now()
		if e.Changes == nil {
			e.Changes = json.RawMessage("{}")
		}
		all = append(all, e)
	}
	start := all[0].Time
	slices.Reverse(all)
	for _, test := range []struct {
		name string
		q    EntryQuery
		of   func(Entry) bool
	}{
		{"all", EntryQuery{}, func(Entry) bool { return true }},
		{"of a kind", EntryQuery{Kind: "api"}, func(e Entry) bool { return e.Kind == "api" }},
		{"of an object", EntryQuery{Kind: "api", ObjectID: 1}, func(e Entry) bool { return e.Kind == "api" && e.ObjectID == 1 }},
		{"of kinds", EntryQuery{Kinds: []Kind{"status", "user"}}, func(e Entry) bool { return e.Kind != "api" }},
		{"of an actor", EntryQuery{Actor: "ada"}, func(e Entry) bool { return e.Actor == "ada" }},
		{"from", EntryQuery{From: start.Add(time.Second)}, func(e Entry) bool { return !e.Time.Before(start.Add(time.Second)) }},
		{"until", EntryQuery{Until: start.Add(2 * time.Second)}, func(e Entry) bool { return e.Time.Before(start.Add(2 * time.Second)) }},
		{"of a time", EntryQuery{From: start, Until: start.Add(time.Second)}, func(e Entry) bool { return e.Time.Equal(start) }},
		{
			"of all",
			EntryQuery{Kind: "api", ObjectID: 1, Actor: "ada", From: start.Add(-time.Hour), Until: start.Add(time.Hour)},
			func(e Entry) bool { return e.Kind == "api" && e.ObjectID == 1 },
		},
		{
			"of an actor and kinds",
			EntryQuery{Actor: "ada", Kinds: []Kind{"api", "status"}, Until: start.Add(time.Hour)},
			func(e Entry) bool { return e.Actor == "ada" },
		},
		{"of an unknown actor", EntryQuery{Actor: "Ada"}, func(Entry) bool { return false }},
		{"of an unknown kind", EntryQuery{Kind: "x"}, func(Entry) bool { return false }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want []Entry
			for _, e := range all {
				if test.of(e) {
					want = append(want, e)
				}
			}
			if test.q.byTime() {
				slices.SortFunc(want, func(a, b Entry) int { return cmp.Or(b.Time.Compare(a.Time), int(b.ID-a.ID)) })
			}
			got := walk(t, s, 2, func(tx *Tx, p Page) (Slice[Entry], error) {
				test.q.Page = p
				return tx.Entries(test.q)
			})
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestCreations: the first entry of a transaction that was created with a token is its creation.
func TestCreations(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	created := c.now()
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a")
		token, _, err := tx.CreateToken(Token{Name: "till"})
		if err != nil {
			return err
		}
		for _, token := range []int64{0, token.ID} {
			if _, err := tx.CreateTransaction(Transaction{API: "a", Status: "a", Token: token}); err != nil {
				return err
			}
		}
		return nil
	})
	var want []Entry
	for i := range 3 {
		c.advance(time.Second)
		e := Entry{ID: int64(i + 1), Time: c.now(), Actor: "ada", Action: ActionChange, Kind: "transaction", ObjectID: 2, Object: "a 0.00", Changes: json.RawMessage("{}")}
		update(t, s, func(tx *Tx) error { return tx.Record(e) })
		want = append(want, e)
	}
	slices.Reverse(want)
	creation := Entry{Time: created, Actor: "token till", Action: ActionCreate, Kind: "transaction", ObjectID: 2, Object: "a", Changes: json.RawMessage("{}")}
	for _, test := range []struct {
		name string
		q    EntryQuery
		want []Entry
	}{
		{"one", EntryQuery{Kind: "transaction", ObjectID: 2}, append(slices.Clone(want), creation)},
		{"one of a time", EntryQuery{Kind: "transaction", ObjectID: 2, From: created, Until: created.Add(time.Second)}, []Entry{creation}},
		{"one by an actor", EntryQuery{Kind: "transaction", ObjectID: 2, Actor: "token till"}, []Entry{creation}},
		{"one created without a token", EntryQuery{Kind: "transaction", ObjectID: 1}, nil},
		{"all", EntryQuery{Kind: "transaction"}, want},
	} {
		for limit := range 4 {
			got := walk(t, s, 1+limit, func(tx *Tx, p Page) (Slice[Entry], error) {
				test.q.Page = p
				return tx.Entries(test.q)
			})
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %d at a time (-want +got):\n%s", test.name, 1+limit, diff)
			}
		}
	}
}

// TestAuditPlan: entries are read by an index in its order, and only those of one object are sorted.
func TestAuditPlan(t *testing.T) {
	s := openStore(t)
	now := time.Now()
	for _, test := range []struct {
		name string
		q    EntryQuery
		want string
	}{
		{"all", EntryQuery{}, "SEARCH audit_log USING INTEGER PRIMARY KEY (rowid<?)"},
		{"of a kind", EntryQuery{Kind: "api"}, "SEARCH audit_log USING INDEX audit_log_kind (kind=? AND time<?)"},
		{"of a kind and a time", EntryQuery{Kind: "api", From: now}, "SEARCH audit_log USING INDEX audit_log_kind (kind=? AND time>? AND time<?)"},
		{"of kinds", EntryQuery{Kinds: []Kind{"api", "user"}}, "SEARCH audit_log USING INTEGER PRIMARY KEY (rowid<?)"},
		{"of an object", EntryQuery{Kind: "api", ObjectID: 1}, "SEARCH audit_log USING INDEX audit_log_object (kind=? AND object_id=? AND rowid<?)"},
		{"of a transaction", EntryQuery{Kind: "transaction", ObjectID: 1}, "SEARCH audit_log USING INDEX audit_log_object (kind=? AND object_id=? AND rowid<?)"},
		{"of an actor", EntryQuery{Actor: "a"}, "SEARCH audit_log USING INDEX audit_log_actor (actor=? AND time<?)"},
		{"of an actor and a kind", EntryQuery{Actor: "a", Kind: "api"}, "SEARCH audit_log USING INDEX audit_log_actor_kind (actor=? AND kind=? AND time<?)"},
		{"of an actor and kinds", EntryQuery{Actor: "a", Kinds: []Kind{"api"}}, "SEARCH audit_log USING INDEX audit_log_actor (actor=? AND time<?)"},
		{"of a time", EntryQuery{From: now}, "SEARCH audit_log USING INDEX audit_log_time (time>? AND time<?)"},
		{"of an actor and a time", EntryQuery{Actor: "a", From: now}, "SEARCH audit_log USING INDEX audit_log_actor (actor=? AND time>? AND time<?)"},
		{"of all", EntryQuery{Kind: "api", ObjectID: 1, Actor: "a", From: now}, "SEARCH audit_log USING INDEX audit_log_object (kind=? AND object_id=?)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.q.After = numberCursor(test.q.keyset("").list, 1, 1)
			query, args, err := test.q.query()
			check(t, err)
			for _, step := range planOf(t, s, query, append(args, test.q.rows())...) {
				sorts := strings.HasPrefix(step.detail, "USE TEMP B-TREE") && test.q.ObjectID == 0
				if strings.Contains(step.detail, "audit_log") && step.detail != test.want || sorts || strings.HasPrefix(step.detail, "SCAN t") {
					t.Errorf("%s, want %s and no sorting", step.detail, test.want)
				}
			}
		})
	}
}
