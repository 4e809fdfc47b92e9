package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
)

// heads returns the names of the rows of a list.
func (r reply) heads(tb testing.TB) (names []string) {
	tb.Helper()
	for _, e := range r.elements(tb, "th") {
		if e.attributes["scope"] == "row" {
			names = append(names, strings.TrimSpace(e.text))
		}
	}
	return names
}

// sorted returns how the column with this label is sorted.
func (r reply) sorted(tb testing.TB, label string) string {
	tb.Helper()
	for _, e := range r.elements(tb, "th") {
		if strings.HasPrefix(strings.TrimSpace(e.text), label) {
			return e.attributes["aria-sort"]
		}
	}
	tb.Fatalf("there is no column %q", label)
	return ""
}

// sortBy follows the link of a column.
func (s *dataSite) sortBy(page reply, label string) reply {
	s.tb.Helper()
	links := page.elements(s.tb, "a")
	slices.Reverse(links) // the navigation comes first
	for _, e := range links {
		if strings.TrimRight(strings.TrimSpace(e.text), " ▲▼") == label {
			return s.want(http.StatusOK, e.attributes["href"])
		}
	}
	s.tb.Fatalf("the column %q has no link", label)
	return reply{}
}

// TestSortedLists sorts lists by their columns in both directions, and pages through them in that order.
func TestSortedLists(t *testing.T) {
	s := startData(t)
	s.role = store.RoleSuperuser
	s.names("b", "a", "c")
	var all []store.Transaction
	for _, name := range []string{"a", "b", "b", "c", "c", "c"} {
		all = append(all, store.Transaction{API: name, Status: name})
	}
	s.create(all...)
	s.exec("UPDATE users SET created = id, last_login = CASE name WHEN 'staff' THEN 5 END")
	for _, test := range []struct {
		path, column string
		first        string
		want, turned []string
	}{
		{"/admin/apis", "Transactions", "descending", []string{"c", "b", "a"}, []string{"a", "b", "c"}},
		{"/admin/apis", "Name", "descending", []string{"c", "b", "a"}, []string{"a", "b", "c"}},
		{"/admin/statuses", "Transactions", "descending", []string{"c", "b", "a"}, []string{"a", "b", "c"}},
		{"/admin/users", "User name", "descending", []string{"viewer", "superuser", "staff"}, []string{"staff", "superuser", "viewer"}},
		{"/admin/users", "Role", "ascending", []string{"viewer", "staff", "superuser"}, []string{"superuser", "staff", "viewer"}},
		{"/admin/users", "Last login (UTC)", "descending", []string{"staff", "superuser", "viewer"}, []string{"viewer", "superuser", "staff"}},
		{"/admin/users", "Created (UTC)", "descending", []string{"superuser", "staff", "viewer"}, []string{"viewer", "staff", "superuser"}},
	} {
		page := s.want(http.StatusOK, test.path)
		if !slices.IsSorted(page.heads(t)) {
			t.Errorf("%s begins with %q, want them by name", test.path, page.heads(t))
		}
		page = s.sortBy(page, test.column)
		if got := page.heads(t); !slices.Equal(got, test.want) || page.sorted(t, test.column) != test.first {
			t.Errorf("%s by %s: %q, %s, want %q, %s", test.path, test.column, got, page.sorted(t, test.column), test.want, test.first)
		}
		page = s.sortBy(page, test.column)
		if got := page.heads(t); !slices.Equal(got, test.turned) || page.sorted(t, test.column) == test.first {
			t.Errorf("%s by %s, reversed: %q, %s, want %q", test.path, test.column, got, page.sorted(t, test.column), test.turned)
		}
	}

	s.update(func(tx *store.Tx) error {
		for i := range 30 {
			if _, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: fmt.Sprintf("more %02d", i)}); err != nil {
				return err
			}
		}
		return nil
	})
	page := s.want(http.StatusOK, "/admin/apis?sort=-transactions&q=e&rows=20")
	if got := page.input(t, "sort"); got != "-transactions" {
		t.Errorf("the form of the search does not keep the order: %q", got)
	}
	got := page.heads(t)
	page = s.want(http.StatusOK, page.link(t, "Next →"))
	got = append(got, page.heads(t)...)
	if len(got) != 30 || got[0] != "more 29" || got[29] != "more 00" {
		t.Errorf("page after page: %q", got)
	}
}
