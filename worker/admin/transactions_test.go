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

// many creates transactions alternately in the statuses a and b, an hour apart, the last one now.
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

// ids returns the ids of the transactions on a page.
func (r reply) ids(tb testing.TB) (ids []int) {
	tb.Helper()
	for _, e := range r.elements(tb, "input") {
		if e.attributes["name"] == "id" && e.attributes["type"] == "checkbox" {
			id, err := strconv.Atoi(e.attributes["value"])
			check(tb, err)
			ids = append(ids, id)
		}
	}
	return ids
}

// TestListOfTransactions pages through lists by the links on their pages, forwards and backwards.
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
		{"?sort=id", "130 transactions", slices.Sorted(slices.Values(all))},
		{"?sort=amount", "130 transactions", byAmount},
		{"?status=2", "65 transactions", filtered(func(id int) bool { return id%2 == 0 })},
		{"?q=%2350", "1 transaction", []int{50}},
		{"?q=b", "65 transactions", filtered(func(id int) bool { return id%2 == 0 })},
		{"?last=24h&sort=-id", "24 transactions", all[:24]},
		{"?last=24h&status=1", "12 transactions", filtered(func(id int) bool { return id%2 == 1 })[:12]},
		{"?until=2001-01-01T00:00", "0 transactions", nil},
		{"?status=77", "0 transactions", nil},
		{"?api=x", "0 transactions", nil},
		{"?from=yesterday", "0 transactions", nil},
		{"?last=2h", "0 transactions", nil},
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

// TestTransactionForm: a fault is shown at its field, and what was typed is kept.
func TestTransactionForm(t *testing.T) {
	s := startData(t)
	s.names("a", "b")
	got := s.want(http.StatusUnprocessableEntity, "/admin/transactions/add", "api", "2", "status", "", "amount", "1,50")
	if texts := strings.Join(got.texts(t, "p"), "\n"); !strings.Contains(texts, "must be chosen") || !strings.Contains(texts, "is not a number") {
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
	if made := s.transaction(1); made.API != "a" || made.Status != "a" || made.Amount != 20_000 {
		t.Errorf("it is %+v", made)
	}
	s.want(http.StatusOK, "/admin/transactions/1/delete")
	s.save(http.StatusSeeOther, "/admin/transactions/1/delete")
	s.want(http.StatusNotFound, "/admin/transactions/1")
	if page := s.want(http.StatusOK, "/admin/history?kind=transaction&object=1"); len(page.texts(t, "time")) != 3 {
		t.Errorf("the history of what was deleted has %d entries, want 3", len(page.texts(t, "time")))
	}
}
