package admin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
)

// startManyNames starts a site with more APIs and statuses than a select offers, and a transaction of the last of each.
func startManyNames(t *testing.T) *dataSite {
	t.Helper()
	s := startData(t)
	var names []string
	for i := range 1500 {
		names = append(names, fmt.Sprintf("name %04d", i+1))
	}
	s.names(names...)
	s.create(store.Transaction{API: "name 1500", Status: "name 1500", Amount: 10_000})
	return s
}

// TestManyNamesInForm changes and adds a transaction by typed names.
func TestManyNamesInForm(t *testing.T) {
	s := startManyNames(t)
	const path = "/admin/transactions/1"
	page := s.want(http.StatusOK, path)
	if page.input(t, "api") != "1500" || page.input(t, "api_name") != "name 1500" || page.input(t, "status_name") != "name 1500" {
		t.Fatalf("the form has %q, %q", page.input(t, "api"), page.input(t, "api_name"))
	}
	// The typed name beats the id, which is of the earlier choice.
	s.save(http.StatusSeeOther, path, "api", "1500", "api_name", "name 1500", "status", "1500", "status_name", "name 0007", "amount", "2")
	if got := s.transaction(1); got.API != "name 1500" || got.Status != "name 0007" || got.Amount != 20_000 {
		t.Errorf("it is %+v", got)
	}
	page = s.save(http.StatusUnprocessableEntity, path, "api", "1500", "api_name", "name 149", "status", "7", "status_name", "", "amount", "2")
	texts := page.texts(t, "p")
	for _, text := range []string{"no API has this name; similar: “name 1490”, “name 1491”, “name 1492”, “name 1493”, “name 1494”", "must be chosen"} {
		if !slices.Contains(texts, text) {
			t.Errorf("it does not say %q: %q", text, texts)
		}
	}
	if page.input(t, "api_name") != "name 149" || !strings.Contains(page.body, `<option value="name 1499">`) {
		t.Errorf("what was typed is %q, and similar names are not offered", page.input(t, "api_name"))
	}
	s.want(http.StatusSeeOther, "/admin/transactions/add", "api_name", "name 1234", "api", "", "status_name", "name 0001", "amount", "1")

	// A name that only earlier rules allowed, and that cannot be typed, stays unchanged.
	s.exec("UPDATE transaction_statuses SET name = ? WHERE id = 7", "two\nlines")
	s.save(http.StatusSeeOther, path, "api", "1500", "api_name", "name 1500", "status", "7", "status_name", "twolines", "amount", "3")
	if got := s.transaction(1); got.Status != "two\nlines" || got.Amount != 30_000 {
		t.Errorf("it is %+v", got)
	}
}

// TestManyNamesInFilter filters by typed names, and changes what is found.
func TestManyNamesInFilter(t *testing.T) {
	s := startManyNames(t)
	const path = "/admin/transactions"
	for _, test := range []struct{ query, count, name string }{
		{"?api_name=name+1500", "1 transaction", "name 1500"},
		{"?api=1500", "1 transaction", "name 1500"},
		{"?api=1500&api_name=name+1500&status_name=name+1500", "1 transaction", "name 1500"},
		{"?api=1500&api_name=name+0001", "0 transactions", "name 0001"},
		{"?api=1500&api_name=name", "0 transactions", "name"},
		{"?api=1&api_name=", "1 transaction", ""},
	} {
		page := s.want(http.StatusOK, path+test.query)
		if texts := page.texts(t, "p"); !slices.Contains(texts, test.count) {
			t.Errorf("%s: it does not say %q: %q", test.query, test.count, texts)
		}
		if got := page.input(t, "api_name"); got != test.name {
			t.Errorf("%s: the field has %q, want %q", test.query, got, test.name)
		}
		export := page.link(t, "Export CSV")
		if test.name == "name" { // which does not exist
			if got := s.want(http.StatusBadRequest, export); !strings.Contains(got.body, "API: no API has this name") {
				t.Errorf("%s: of what it cannot export it says\n%s", test.query, got.body)
			}
			continue
		}
		if rows := strings.Count(s.want(http.StatusOK, export).body, "\n") - 1; rows != len(page.ids(t)) {
			t.Errorf("%s: %d are exported, %d shown", test.query, rows, len(page.ids(t)))
		}
	}
	s.want(http.StatusUnprocessableEntity, path, "action", "status", "to_name", "", "id", "1")
	if got := s.want(http.StatusUnprocessableEntity, path, "action", "status", "to_name", "nam", "id", "1"); !strings.Contains(got.body, "New status “nam”: no status has this name") {
		t.Errorf("of an unknown new status it says\n%s", got.body)
	}
	s.confirm(s.want(http.StatusOK, path, "action", "status", "to", "", "to_name", "name 1499", "all", "on", "api_name", "name 1500"))
	if got := s.transaction(1); got.Status != "name 1499" {
		t.Errorf("it is %+v", got)
	}
}

// TestTypedTimes: inputs show the times of an address in the format that browsers require.
func TestTypedTimes(t *testing.T) {
	s := startData(t)
	for query, want := range map[string]string{
		"2026-11-25+12:00": "2026-11-25T12:00", "2026-11-25": "2026-11-25T00:00", "2026-11-25T12:00:07": "2026-11-25T12:00:07",
		"2026-11-25T12:00:00%2B02:00": "2026-11-25T10:00", "2026-11-25T12:00:00.5Z": "2026-11-25T12:00:00.500",
	} {
		page := s.want(http.StatusOK, "/admin/transactions?from="+query)
		if got := page.input(t, "from"); got != want {
			t.Errorf("%s is %q in the input, want %q", query, got, want)
		}
	}
	texts := s.want(http.StatusOK, "/admin/transactions?until=soon").texts(t, "p")
	if want := "is not a date and time like 2026-03-01 12:30: “soon”"; !slices.Contains(texts, want) {
		t.Errorf("of an invalid time it does not say %q: %q", want, texts)
	}
}
