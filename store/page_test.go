package store

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCursorRefused(t *testing.T) {
	good := numberCursor("modified", 1_700_000_000_000_001, 17)
	for name, c := range map[string]Cursor{
		"empty":              "",
		"not base64":         "*",
		"padded":             good + "=",
		"a line break":       good[:4] + "\n" + good[4:],
		"cut":                good[:len(good)-1],
		"of another order":   numberCursor("created", 1, 17),
		"of a list by name":  textCursor("name", "17"),
		"no place":           textCursor("modified", ""),
		"one number":         textCursor("modified", "17"),
		"three numbers":      textCursor("modified", "1\n2\n3"),
		"a number with plus": textCursor("modified", "+1\n17"),
		"a padded number":    textCursor("modified", "1\n017"),
		"too large a number": textCursor("modified", "1\n9223372036854775808"),
		"SQL":                textCursor("modified", "1\n1); DROP TABLE transactions; --"),
		"long":               Cursor(strings.Repeat("A", 1_000_000)),
	} {
		t.Run(name, func(t *testing.T) {
			if _, _, err := c.numbers("modified"); problemOf(t, err, "cursor") == "" {
				t.Error("no error")
			}
		})
	}
}

func TestNumberCursor(t *testing.T) {
	for _, number := range []int64{math.MinInt64, -1, 0, 1, math.MaxInt64} {
		for _, id := range []int64{math.MinInt64, 0, 17, math.MaxInt64} {
			if n, i, err := numberCursor("amount", number, id).numbers("amount"); n != number || i != id || err != nil {
				t.Errorf("%d, %d: %d, %d, %v", number, id, n, i, err)
			}
		}
	}
}

// FuzzCursor: no cursor is taken but the one of its place.
func FuzzCursor(f *testing.F) {
	f.Add(string(numberCursor("id", 17, 17)))
	f.Add(string(textCursor("id", "../'\n\x00")))
	f.Add("aWQK\nMTc") // base64 may have line breaks
	f.Fuzz(func(t *testing.T, text string) {
		c := Cursor(text)
		if place, err := c.text("id"); err == nil && textCursor("id", place) != c {
			t.Errorf("%q: place %q has another cursor", text, place)
		}
		if number, id, err := c.numbers("id"); err == nil && numberCursor("id", number, id) != c {
			t.Errorf("%q: %d, %d has another cursor", text, number, id)
		}
		if c := textCursor("id", text); c != "" {
			if place, err := c.text("id"); place != text || err != nil {
				t.Errorf("%q: place %q, %v", text, place, err)
			}
			if strings.Trim(string(c), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
				t.Errorf("%q is not safe in a URL", c)
			}
		}
	})
}

// walk reads a whole list in pages, and calls between after each. Without that it also reads the list backwards.
func walk[T any](tb testing.TB, s *Store, limit int, list func(*Tx, Page) (Slice[T], error), between ...func(*Tx) error) (items []T) {
	tb.Helper()
	for p := (Page{Limit: limit}); ; {
		var got Slice[T]
		view(tb, s, func(tx *Tx) (err error) {
			got, err = list(tx, p)
			return err
		})
		items = append(items, got.Items...)
		if (got.Previous == "") != (p.After == "" || len(got.Items) == 0) {
			tb.Fatalf("after %q there is %q before", p.After, got.Previous)
		}
		if got.Next == "" {
			if len(between) == 0 && got.Previous != "" {
				walkBack(tb, s, limit, list, got, items)
			}
			return items
		}
		if len(got.Items) != limit {
			tb.Fatalf("%d items of %d, but not the last ones", len(got.Items), limit)
		}
		p.After = got.Next
		for _, f := range between {
			update(tb, s, f)
		}
	}
}

// walkBack reads a list backwards from its last page, and compares it with its items.
func walkBack[T any](tb testing.TB, s *Store, limit int, list func(*Tx, Page) (Slice[T], error), last Slice[T], items []T) {
	tb.Helper()
	got := slices.Clone(last.Items)
	for at := last; at.Previous != ""; {
		before := at.Previous
		view(tb, s, func(tx *Tx) (err error) {
			at, err = list(tx, Page{Before: before, Limit: limit})
			return err
		})
		if len(at.Items) != limit || at.Next == "" {
			tb.Fatalf("%d items of %d before others, next %q", len(at.Items), limit, at.Next)
		}
		got = append(slices.Clone(at.Items), got...)
	}
	if diff := cmp.Diff(items, got); diff != "" {
		tb.Errorf("the list backwards (-forwards +backwards):\n%s", diff)
	}
}

func TestLimit(t *testing.T) {
	s := openStore(t)
	update(t, s, func(tx *Tx) error {
		for i := range 1100 {
			if _, err := tx.CreateNamed(Named{Kind: KindStatus, Name: strconv.Itoa(i)}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		for limit, want := range map[int]int{0: 50, -1: 50, 1: 1, 1000: 1000, 1001: 1000, math.MaxInt: 1000} {
			got, err := tx.ListNamed(NamedQuery{Kind: KindStatus, Page: Page{Limit: limit}})
			if len(got.Items) != want || got.Next == "" || err != nil {
				t.Errorf("limit %d: %d items, next %q, %v, want %d", limit, len(got.Items), got.Next, err, want)
			}
		}
		return nil
	})
	got := walk(t, s, 100, func(tx *Tx, p Page) (Slice[Named], error) {
		return tx.ListNamed(NamedQuery{Kind: KindStatus, Page: p})
	})
	if len(got) != 1100 {
		t.Errorf("%d statuses in pages of 100, want 1100", len(got))
	}
}
