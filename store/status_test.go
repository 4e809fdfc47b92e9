package store

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestStatus(t *testing.T) {
	s := openStore(t)
	want := Status{ID: 1, Name: "Pending", Description: "not yet"}
	update(t, s, func(tx *Tx) error {
		created, err := tx.CreateStatus(Status{ID: 99, Name: "Pending", Description: "not yet"})
		if created != want {
			t.Errorf("created: %+v, want %+v", created, want)
		}
		return err
	})
	view(t, s, func(tx *Tx) error {
		if got, err := tx.Status(1); got != want || err != nil {
			t.Errorf("by id: %+v, %v", got, err)
		}
		if got, err := tx.StatusByName("Pending"); got != want || err != nil {
			t.Errorf("by name: %+v, %v", got, err)
		}
		return nil
	})
	want = Status{ID: 1, Name: "Processed"}
	update(t, s, func(tx *Tx) error { return tx.UpdateStatus(want) })
	view(t, s, func(tx *Tx) error {
		if got, err := tx.Status(1); got != want || err != nil {
			t.Errorf("updated: %+v, %v", got, err)
		}
		return nil
	})
	update(t, s, func(tx *Tx) error { return tx.DeleteStatus(1) })
	view(t, s, func(tx *Tx) error {
		if got, err := tx.Statuses(Page{}); len(got.Items) != 0 || got.Next != "" || err != nil {
			t.Errorf("statuses: %+v, %v", got, err)
		}
		return nil
	})
}

func TestStatusErrors(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		_, one := tx.CreateStatus(Status{Name: "one"})
		_, two := tx.CreateStatus(Status{Name: "two"})
		return errors.Join(one, two)
	})
	for _, test := range []struct {
		name string
		f    func(*Tx) error
		want error
		text string
	}{
		{"id", func(tx *Tx) error { _, err := tx.Status(3); return err }, ErrNotFound, "status 3: not found"},
		{"name", func(tx *Tx) error { _, err := tx.StatusByName("ONE"); return err }, ErrNotFound, `status "ONE": not found`},
		{"create", func(tx *Tx) error { _, err := tx.CreateStatus(Status{Name: "one"}); return err }, ErrExists, `status "one": exists already`},
		{"update", func(tx *Tx) error { return tx.UpdateStatus(Status{ID: 1, Name: "two"}) }, ErrExists, "status 1: exists already"},
		{"update nothing", func(tx *Tx) error { return tx.UpdateStatus(Status{ID: 3, Name: "3"}) }, ErrNotFound, "status 3: not found"},
		{"delete nothing", func(tx *Tx) error { return tx.DeleteStatus(3) }, ErrNotFound, "status 3: not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := s.Update(t.Context(), test.f); !errors.Is(err, test.want) || err.Error() != test.text {
				t.Errorf("%v, want %s", err, test.text)
			}
		})
	}
	for _, f := range []func(*Tx, Status) error{(*Tx).UpdateStatus, func(tx *Tx, s Status) error { _, err := tx.CreateStatus(s); return err }} {
		err := s.Update(t.Context(), func(tx *Tx) error { return f(tx, Status{Description: strings.Repeat("a", 10_001)}) })
		invalid, _ := errors.AsType[*InvalidError](err)
		want := &InvalidError{[]FieldError{{"name", "is empty"}, {"description", "has more than 10000 characters"}}}
		if diff := cmp.Diff(want, invalid); diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
}
