package admin_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

func decimal(n int) string { return strconv.Itoa(n) }

// many makes transactions, alternately in the statuses a and b, an hour apart: the last one now.
func (s *dataSite) many(n int) {
	s.tb.Helper()
	s.names("a", "b")
	s.update(func(tx *store.Tx) error {
		for i := range n {
			at := tx.Now().Add(-time.Duration(n-1-i) * time.Hour)
			_, err := tx.CreateTransaction(store.Transaction{
				API: "a", Status: []string{"a", "b"}[i%2], Amount: store.Amount(10_000 * (i * 7 % n)), Created: at, Modified: at,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ids are those of the transactions that a page lists.
func (r reply) ids(tb testing.TB) (ids []int) {
	tb.Helper()
	for _, e := range r.elements(tb, "input") {
		if e.attributes["name"] == "id" && e.attributes["type"] == "checkbox" {
			id, err := strconv.Atoi(e.attributes["value"])
			if err != nil {
				tb.Fatal(err)
			}
			ids = append(ids, id)
		}
	}
	return ids
}

// TestListOfTransactions goes through lists by the links on their pages, forwards and back.
func TestListOfTransactions(t *testing.T) {
	s := startData(t)
	const n = 130
	s.many(n)
	var all []int
	for id := n; id > 0; id-- {
		all = append(all, id)
	}
	filtered := func(keep func(id int) bool) []int {
		return slices.DeleteFunc(slices.Clone(all), func(id int) bool { return !keep(id) })
	}
	byAmount := slices.Clone(all)
	slices.SortFunc(byAmount, func(a, b int) int { return (a-1)*7%n - (b-1)*7%n })
	for _, test := range []struct {
		query, count string
		want         []int
	}{
		{"", "130 transactions", all},
		{"?up=1", "130 transactions", slices.Sorted(slices.Values(all))},
		{"?order=amount&up=1", "130 transactions", byAmount},
		{"?status=2", "65 transactions", filtered(func(id int) bool { return id%2 == 0 })},
		{"?q=%2350", "1 transaction", []int{50}},
		{"?q=b", "65 transactions", filtered(func(id int) bool { return id%2 == 0 })},
		{"?last=24h&order=id", "24 transactions", all[:24]},
		{"?last=24h&status=1", "12 transactions", filtered(func(id int) bool { return id%2 == 1 })[:12]},
		{"?until=2001-01-01T00:00", "none", nil},
		{"?status=77", "none", nil},
		{"?api=x", "none", nil},
		{"?from=yesterday", "none", nil},
		{"?last=2h", "none", nil},
	} {
		t.Run(test.query, func(t *testing.T) {
			separator := "?"
			if test.query != "" {
				separator = "&"
			}
			page := s.want(http.StatusOK, "/admin/transactions"+test.query+separator+"rows=20")
			if texts := page.texts(t, "p"); !slices.Contains(texts, test.count) {
				t.Errorf("it does not say %q: %q", test.count, texts)
			}
			got := page.ids(t)
			for next := page.link(t, "Next →"); next != ""; next = page.link(t, "Next →") {
				page = s.want(http.StatusOK, next)
				got = append(got, page.ids(t)...)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("forwards (-want +got):\n%s", diff)
			}
			back := page.ids(t)
			for previous := page.link(t, "← Previous"); previous != ""; previous = page.link(t, "← Previous") {
				page = s.want(http.StatusOK, previous)
				back = append(page.ids(t), back...)
			}
			if diff := cmp.Diff(test.want, back); diff != "" {
				t.Errorf("backwards (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBulk changes and deletes several transactions after asking, and records each.
func TestBulk(t *testing.T) {
	s := startData(t)
	const n = 600 // more than are changed in a commit
	s.many(n)
	statuses := func() map[string]int64 {
		got := map[string]int64{}
		s.view(func(tx *store.Tx) error {
			counts, err := tx.CountBy(store.KindStatus)
			if err != nil {
				return err
			}
			all, err := tx.ListNamed(store.NamedQuery{Kind: store.KindStatus})
			for _, status := range all.Items {
				if n := counts[status.ID]; n != 0 {
					got[status.Name] = n
				}
			}
			return err
		})
		return got
	}
	wantStatuses := func(want map[string]int64) {
		t.Helper()
		if diff := cmp.Diff(want, statuses()); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	}
	entries := func() (got int) {
		s.view(func(tx *store.Tx) error {
			for q := (store.EntryQuery{Kind: "transaction", Page: store.Page{Limit: 1000}}); ; {
				slice, err := tx.Entries(q)
				got += len(slice.Items)
				if err != nil || slice.Next == "" {
					return err
				}
				q.After = slice.Next
			}
		})
		return got
	}
	const path = "/admin/transactions"
	s.want(http.StatusUnprocessableEntity, path, "action", "delete")
	s.want(http.StatusUnprocessableEntity, path, "action", "status", "id", "1")
	s.want(http.StatusUnprocessableEntity, path, "action", "status", "to", "77", "id", "1")
	s.want(http.StatusBadRequest, path, "action", "sing", "id", "1")
	s.want(http.StatusNotFound, path, "action", "delete", "id", "x")

	asked := s.want(http.StatusOK, path, "action", "status", "to", "2", "id", "1", "id", "2", "id", "3", "id", "3", "id", "9999")
	if heads := asked.texts(t, "h1"); heads[0] != "Change the status of 3 transactions?" {
		t.Errorf("it asks %q", heads)
	}
	wantStatuses(map[string]int64{"a": 300, "b": 300})
	s.confirm(asked)
	wantStatuses(map[string]int64{"a": 298, "b": 302})
	if got := entries(); got != 2 { // 2 had that status
		t.Errorf("%d entries, want 2", got)
	}
	if page := s.want(http.StatusOK, "/admin/transactions/1"); !strings.Contains(page.body, "<del>a</del>") || !strings.Contains(page.body, "<ins>b</ins>") {
		t.Error("the history does not say what changed")
	}

	got := s.confirm(s.want(http.StatusOK, path, "action", "status", "to", "1", "all", "on", "status", "2", "last", "30d"))
	if location := got.header.Get("Location"); location != "/admin/transactions?last=30d&status=2" {
		t.Errorf("it leads to %s", location)
	}
	if page := s.want(http.StatusOK, got.header.Get("Location")); !strings.Contains(page.body, "Now “a”: 302 transactions.") {
		t.Errorf("it does not say what it did")
	}
	wantStatuses(map[string]int64{"a": 600})

	asked = s.want(http.StatusOK, path, "action", "delete", "all", "on", "q", "a")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 600 transactions?" || !strings.Contains(asked.body, "… and 580 more.") {
		t.Errorf("it asks %q", heads)
	}
	s.confirm(asked)
	wantStatuses(map[string]int64{})
	if got := entries(); got != 2+302+600 {
		t.Errorf("%d entries, want %d", got, 2+302+600)
	}
	s.role = store.RoleViewer
	s.want(http.StatusForbidden, path, "action", "delete", "all", "on", "confirmed", "yes")
}

// confirm says yes to a question, as a browser sends the form that is on its page.
func (s *dataSite) confirm(question reply) reply {
	s.tb.Helper()
	return s.answer(http.StatusSeeOther, question)
}

// answer is confirm with another answer.
func (s *dataSite) answer(status int, question reply) reply {
	s.tb.Helper()
	var fields []string
	for _, e := range question.elements(s.tb, "input") {
		if e.attributes["type"] == "hidden" {
			fields = append(fields, e.attributes["name"], e.attributes["value"])
		}
	}
	return s.want(status, "/admin/transactions", fields...)
}

// TestBulkOfWhatWasAskedAbout has transactions come and change between the question and the yes: it is done to
// those that were asked about.
func TestBulkOfWhatWasAskedAbout(t *testing.T) {
	for _, test := range []struct {
		filter []string
		left   []int64
	}{
		{nil, []int64{2, 6, 7}},
		{[]string{"q", "a"}, []int64{2, 6, 7}},
		{[]string{"status", "1"}, []int64{2, 4, 6, 7}},                            // of 1, 3, 5
		{[]string{"last", "1h"}, []int64{1, 2, 6, 7}},                             // of 2, 3, 4, 5
		{[]string{"last", "24h", "status", "1"}, []int64{2, 4, 6, 7}},             // of 1, 3, 5
		{[]string{"from", "2001-01-01", "until", "9000-01-01"}, []int64{2, 6, 7}}, // of all
	} {
		t.Run(strings.Join(test.filter, " "), func(t *testing.T) {
			s := startData(t)
			s.names("a", "b")
			create := func(status string, ago time.Duration) {
				t.Helper()
				s.update(func(tx *store.Tx) error {
					at := tx.Now().Add(-ago)
					_, err := tx.CreateTransaction(store.Transaction{API: "a", Status: status, Created: at, Modified: at})
					return err
				})
			}
			for i, ago := range []time.Duration{90 * time.Minute, 50 * time.Minute, 40 * time.Minute, time.Minute, 0} {
				create([]string{"a", "b"}[i%2], ago)
			}
			question := s.want(http.StatusOK, "/admin/transactions", append(test.filter, "action", "delete", "all", "on")...)
			heads := question.texts(t, "h1")
			create("a", 0)
			create("a", 30*time.Minute) // by another program
			s.update(func(tx *store.Tx) error {
				_, _, err := tx.SetTransactionStatus(2, "a")
				return err
			})
			s.confirm(question)
			var left []int64
			s.view(func(tx *store.Tx) error {
				slice, err := tx.Transactions(store.TransactionQuery{Sort: store.Sort{By: store.SortID}})
				for _, transaction := range slice.Items {
					left = append(left, transaction.ID)
				}
				return err
			})
			if diff := cmp.Diff(test.left, left); diff != "" {
				t.Errorf("%q: what is left (-want +got):\n%s", heads, diff)
			}
		})
	}
}

// TestBulkOfMarkedThatChange has somebody else modify one of two marked transactions between the question and the yes: it
// stays as it is, and the next page says so.
func TestBulkOfMarkedThatChange(t *testing.T) {
	const path = "/admin/transactions"
	for _, action := range [][]string{{"action", "delete"}, {"action", "status", "to", "3"}} {
		s := startData(t)
		s.many(3)
		s.names("c")
		question := s.want(http.StatusOK, path, append(action, "id", "1", "id", "2")...)
		s.update(func(tx *store.Tx) error {
			_, _, err := tx.SetTransactionStatus(1, "b")
			return err
		})
		page := s.want(http.StatusOK, s.confirm(question).header.Get("Location"))
		if !strings.Contains(page.body, ": 1 transaction. Modified since you were asked, and left as it is: 1 transaction.") {
			t.Errorf("%q: it does not say what it left: %q", action, page.texts(t, "p"))
		}
		s.view(func(tx *store.Tx) error {
			left, err := tx.Transaction(1)
			if err == nil && left.Status != "b" {
				t.Errorf("%q: it is %+v", action, left)
			}
			return err
		})
	}
}

// TestBulkOfNamesThatChange has somebody rename an API between the question and the yes, so that the search means it, too:
// nothing is done, and it is asked again.
func TestBulkOfNamesThatChange(t *testing.T) {
	s := startData(t)
	s.names("foo", "bar")
	s.update(func(tx *store.Tx) error {
		for _, name := range []string{"foo", "bar", "bar"} {
			if _, err := tx.CreateTransaction(store.Transaction{API: name, Status: name}); err != nil {
				return err
			}
		}
		return nil
	})
	question := s.want(http.StatusOK, "/admin/transactions", "action", "delete", "all", "on", "q", "foo")
	s.update(func(tx *store.Tx) error {
		return tx.UpdateNamed(store.Named{Kind: store.KindAPI, ID: 2, Name: "foo 2"})
	})
	again := s.answer(http.StatusConflict, question)
	if heads := again.texts(t, "h1"); heads[0] != "Delete 3 transactions?" {
		t.Errorf("it says %q", heads)
	}
	s.view(func(tx *store.Tx) error {
		n, err := tx.CountTransactions(store.TransactionFilter{})
		if n != 3 {
			t.Errorf("%d are left before the second yes, want 3", n)
		}
		return err
	})
	s.confirm(again)
	s.view(func(tx *store.Tx) error {
		n, err := tx.CountTransactions(store.TransactionFilter{})
		if n != 0 {
			t.Errorf("%d are left, want none", n)
		}
		return err
	})
}

// TestBulkLater says yes half an hour after the question, which was of the last hour then.
func TestBulkLater(t *testing.T) {
	s := startData(t)
	s.names("a", "b")
	now := time.Now()
	s.update(func(tx *store.Tx) error {
		for _, ago := range []int{100, 80, 40, 20, 0} { // minutes
			at := now.Add(-time.Duration(ago) * time.Minute)
			if _, err := tx.CreateTransaction(store.Transaction{API: "a", Status: "a", Created: at, Modified: at}); err != nil {
				return err
			}
		}
		return nil
	})
	s.want(http.StatusSeeOther, "/admin/transactions", "action", "status", "to", "2", "all", "on", "last", "1h", "confirmed", "yes",
		"asked", now.Add(-30*time.Minute).UTC().Format(time.RFC3339Nano), "highest", "5")
	var changed []int64
	s.view(func(tx *store.Tx) error {
		slice, err := tx.Transactions(store.TransactionQuery{TransactionFilter: store.TransactionFilter{Status: "b"}, Sort: store.Sort{By: store.SortID}})
		for _, transaction := range slice.Items {
			changed = append(changed, transaction.ID)
		}
		return err
	})
	if want := []int64{2, 3}; !slices.Equal(changed, want) {
		t.Errorf("it was done to %d, want %d", changed, want)
	}
}

// TestBulkCountsWhatItMeans: a clock that was put back has left a transaction of a time to come, which is not asked about.
func TestBulkCountsWhatItMeans(t *testing.T) {
	s := startData(t)
	s.many(3)
	s.update(func(tx *store.Tx) error {
		_, err := tx.CreateTransaction(store.Transaction{API: "a", Status: "a", Modified: tx.Now().Add(time.Hour)})
		return err
	})
	asked := s.want(http.StatusOK, "/admin/transactions", "action", "delete", "all", "on", "last", "24h")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 3 transactions?" {
		t.Errorf("it asks %q", heads)
	}
	if page := s.want(http.StatusOK, s.confirm(asked).header.Get("Location")); !strings.Contains(page.body, "Deleted: 3 transactions.") {
		t.Error("it does not do to so many what it asked about")
	}
}

// TestBulkAsksFirst does nothing to all of a filter that nobody was asked about, or about which a form sends nonsense.
func TestBulkAsksFirst(t *testing.T) {
	s := startData(t)
	s.many(3)
	const path = "/admin/transactions"
	asked := s.want(http.StatusOK, path, "action", "delete", "all", "on", "confirmed", "yes")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 3 transactions?" {
		t.Errorf("it says %q", heads)
	}
	asked = s.want(http.StatusOK, path, "action", "delete", "id", "1", "confirmed", "yes")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 1 transaction?" {
		t.Errorf("it says %q", heads)
	}
	s.want(http.StatusNotFound, path, "action", "delete", "all", "on", "confirmed", "yes", "asked", "x", "highest", "3")
	s.want(http.StatusNotFound, path, "action", "delete", "all", "on", "confirmed", "yes", "asked", "2026-01-01T00:00:00Z", "highest", "x")
	s.want(http.StatusBadRequest, path, "action", "delete", "all", "on", "last", "2h")
	if texts := s.want(http.StatusOK, path+"?last=2h").texts(t, "p"); !slices.Contains(texts, "is none of 15m, 1h, 24h, 7d, 30d") {
		t.Errorf("of an unknown time it says %q", texts)
	}
	s.want(http.StatusBadRequest, path+".csv?last=2h")
	s.view(func(tx *store.Tx) error {
		n, err := tx.CountTransactions(store.TransactionFilter{})
		if n != 3 {
			t.Errorf("%d are left, want 3", n)
		}
		return err
	})
}

// TestTransactionForm tells what is wrong at the field, and keeps what was typed.
func TestTransactionForm(t *testing.T) {
	s := startData(t)
	s.names("a", "b")
	got := s.want(http.StatusUnprocessableEntity, "/admin/transactions/add", "api", "2", "status", "", "amount", "1,50")
	if texts := strings.Join(got.texts(t, "p"), "\n"); !strings.Contains(texts, "is to be chosen") || !strings.Contains(texts, "is not a number") {
		t.Errorf("it says %q", texts)
	}
	if amount := got.input(t, "amount"); amount != "1,50" {
		t.Errorf("the amount is %q now", amount)
	}
	got = s.want(http.StatusSeeOther, "/admin/transactions/add", "api", "2", "status", "1", "amount", " 1.50 ")
	if path := got.header.Get("Location"); path != "/admin/transactions/1" {
		t.Fatalf("it leads to %s", path)
	}
	s.want(http.StatusUnprocessableEntity, "/admin/transactions/1", "api", "2", "status", "1", "amount", "1e20")
	s.save(http.StatusSeeOther, "/admin/transactions/1", "api", "1", "status", "1", "amount", "2")
	s.view(func(tx *store.Tx) error {
		made, err := tx.Transaction(1)
		if made.API != "a" || made.Status != "a" || made.Amount != 20_000 {
			t.Errorf("it is %+v", made)
		}
		return err
	})
	s.want(http.StatusOK, "/admin/transactions/1/delete")
	s.save(http.StatusSeeOther, "/admin/transactions/1/delete")
	s.want(http.StatusNotFound, "/admin/transactions/1")
	if page := s.want(http.StatusOK, "/admin/history?kind=transaction&object=1"); len(page.texts(t, "time")) != 3 {
		t.Errorf("the history of what was deleted has %d entries, want 3", len(page.texts(t, "time")))
	}
}
