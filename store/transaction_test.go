package store

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTransaction(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{now: c.now})
	update(t, s, func(tx *Tx) error { createNames(t, tx, "a", "b", "c"); return nil })
	check := func(what string, want Transaction) {
		t.Helper()
		view(t, s, func(tx *Tx) error {
			if got, err := tx.Transaction(want.ID); !cmp.Equal(got, want) || err != nil {
				t.Errorf("%s: %+v, %v, want %+v", what, got, err, want)
			}
			return nil
		})
	}

	var got Transaction
	update(t, s, func(tx *Tx) (err error) {
		got, err = tx.CreateTransaction(Transaction{ID: 99, API: "a", Status: "b", Amount: -1})
		return err
	})
	want := Transaction{ID: 1, API: "a", Status: "b", Amount: -1, Created: c.now(), Modified: c.now()}
	if got != want {
		t.Errorf("created: %+v, want %+v", got, want)
	}
	check("created", want)

	c.advance(time.Microsecond)
	update(t, s, func(tx *Tx) (err error) {
		_, got, err = tx.SetTransactionStatus(1, "a")
		return err
	})
	want.Status, want.Modified = "a", c.now()
	if got != want {
		t.Errorf("status: %+v, want %+v", got, want)
	}
	check("status", want)

	c.advance(time.Hour)
	want.API, want.Status, want.Amount, want.Modified = "b", "c", amountEnd-1, c.now()
	update(t, s, func(tx *Tx) error {
		return tx.UpdateTransaction(Transaction{ID: 1, API: "b", Status: "c", Amount: amountEnd - 1})
	})
	check("updated", want)

	update(t, s, func(tx *Tx) error { return tx.DeleteTransaction(1) })
	update(t, s, func(tx *Tx) (err error) {
		got, err = tx.CreateTransaction(Transaction{
			API: "a", Status: "a", Created: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
			Modified: time.Date(2026, 1, 1, 1, 0, 0, 1999, time.FixedZone("", 3600)),
		})
		return err
	})
	want = Transaction{
		ID: 2, API: "a", Status: "a", Created: time.Date(1, 1, 2, 0, 0, 0, 0, time.UTC),
		Modified: time.Date(2026, 1, 1, 0, 0, 0, 1000, time.UTC),
	}
	if got != want {
		t.Errorf("other times: %+v, want %+v", got, want)
	}
	check("other times", want)
}

func TestTransactionErrors(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a")
		_, err := tx.CreateTransaction(Transaction{API: "a", Status: "a"})
		return err
	})
	create := func(tr Transaction) func(*Tx) error {
		return func(tx *Tx) error {
			_, err := tx.CreateTransaction(tr)
			return err
		}
	}
	status := func(id int64, status string) func(*Tx) error {
		return func(tx *Tx) error {
			_, _, err := tx.SetTransactionStatus(id, status)
			return err
		}
	}
	change := func(tr Transaction) func(*Tx) error {
		return func(tx *Tx) error { return tx.UpdateTransaction(tr) }
	}
	const unknown, large, years = "no such name", "is not less than 10^14", "is not in the years 1 to 9999"
	for _, test := range []struct {
		name    string
		f       func(*Tx) error
		want    error // or invalid
		invalid []FieldError
	}{
		{name: "no transaction", f: func(tx *Tx) error { _, err := tx.Transaction(2); return err }, want: ErrNotFound},
		{name: "delete nothing", f: func(tx *Tx) error { return tx.DeleteTransaction(2) }, want: ErrNotFound},
		{name: "status of nothing", f: status(2, "a"), want: ErrNotFound},
		{name: "update nothing", f: change(Transaction{ID: 2, API: "a", Status: "a"}), want: ErrNotFound},
		{name: "unknown status", f: status(1, "A"), invalid: []FieldError{{"status", unknown}}},
		{name: "update", f: change(Transaction{ID: 1, API: "a"}), invalid: []FieldError{{"status", unknown}}},
		{
			name: "update with all fields invalid", f: change(Transaction{ID: 1, API: "x", Status: "y", Amount: -amountEnd}),
			invalid: []FieldError{{"api", unknown}, {"status", unknown}, {"amount", large}},
		},
		{name: "no api", f: create(Transaction{Status: "a"}), invalid: []FieldError{{"api", unknown}}},
		{name: "no names", f: create(Transaction{}), invalid: []FieldError{{"api", unknown}, {"status", unknown}}},
		{name: "large", f: create(Transaction{API: "a", Status: "a", Amount: amountEnd}), invalid: []FieldError{{"amount", large}}},
		{name: "least", f: create(Transaction{API: "a", Status: "a", Amount: math.MinInt64}), invalid: []FieldError{{"amount", large}}},
		{
			name: "created", f: create(Transaction{API: "a", Status: "a", Created: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}),
			invalid: []FieldError{{"time_created", years}},
		},
		{
			name: "modified", f: create(Transaction{API: "a", Status: "a", Modified: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -3600))}),
			invalid: []FieldError{{"time_modified", years}},
		},
		{
			name: "all fields invalid",
			f: create(Transaction{
				API: "x", Status: "y", Amount: amountEnd,
				Created: time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), Modified: time.Unix(1<<60, 0),
			}),
			invalid: []FieldError{{"api", unknown}, {"status", unknown}, {"amount", large}, {"time_created", years}, {"time_modified", years}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := s.Update(t.Context(), test.f)
			if test.want != nil {
				if !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				return
			}
			if diff := cmp.Diff(error(&InvalidError{test.invalid}), err); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	view(t, s, func(tx *Tx) error {
		if n, err := tx.CountTransactions(TransactionFilter{}); n != 1 || err != nil {
			t.Errorf("%d transactions, %v, want 1", n, err)
		}
		return nil
	})
}
