package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

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
	s.update(func(tx *store.Tx) error {
		for _, name := range []string{"a", "b", "b", "c", "c", "c"} {
			if _, err := tx.CreateTransaction(store.Transaction{API: name, Status: name}); err != nil {
				return err
			}
		}
		return nil
	})
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
			t.Errorf("%s by %s, turned: %q, %s, want %q", test.path, test.column, got, page.sorted(t, test.column), test.turned)
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

// TestUsersOfRole lists users of one role.
func TestUsersOfRole(t *testing.T) {
	s := startData(t)
	s.role = store.RoleSuperuser
	s.createUsers(store.User{Name: "grace", Role: store.RoleStaff, Active: true})
	if got := s.want(http.StatusOK, "/admin/users?role=staff").heads(t); !slices.Equal(got, []string{"grace", "staff"}) {
		t.Errorf("staff are %q", got)
	}
	if got := s.want(http.StatusOK, "/admin/users?role=staff&q=gra&sort=-role").heads(t); !slices.Equal(got, []string{"grace"}) {
		t.Errorf("found are %q", got)
	}
}

// TestHistoryFilter finds what somebody did, and what was done at a time.
func TestHistoryFilter(t *testing.T) {
	s := startData(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i, actor := range []string{"ada", "grace", "ada", "ada"} {
		s.update(func(tx *store.Tx) error {
			return tx.Record(store.Entry{Actor: actor, Action: store.ActionChange, Kind: "api", ObjectID: int64(i%2 + 1), Object: fmt.Sprint("object ", i)})
		})
	}
	s.exec("UPDATE audit_log SET time = ? + (id - 1) * 3600000000", at.UnixMicro())
	for query, want := range map[string][]string{
		"":                        {"object 3", "object 2", "object 1", "object 0"},
		"?actor=ada":              {"object 3", "object 2", "object 0"},
		"?actor=nobody":           nil,
		"?from=2026-03-01T13:00":  {"object 3", "object 2", "object 1"},
		"?until=2026-03-01+14:00": {"object 1", "object 0"},
		"?actor=ada&from=2026-03-01T13:00&until=2026-03-01T15:00": {"object 2"},
		"?kind=api&object=1&actor=ada":                            {"object 2", "object 0"},
		"?kind=status&actor=ada":                                  nil,
		"?from=soon":                                              nil,
	} {
		page := s.want(http.StatusOK, "/admin/history"+query)
		var got []string
		for _, text := range page.texts(t, "p") {
			if _, object, ok := strings.Cut(text, "“object"); ok {
				got = append(got, "object"+strings.TrimSuffix(object, "”"))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if strings.Contains(query, "object=") && (page.input(t, "object") != "1" || page.input(t, "kind") != "api") {
			t.Errorf("%s: the form forgets the object", query)
		}
	}
	if page := s.want(http.StatusOK, "/admin/history?actor=ada&from=2026-03-01T15:00"); !slices.Contains(page.texts(t, "time"), "2026-03-01 15:00:00 UTC") {
		t.Errorf("the times are %q", page.texts(t, "time"))
	}
}
