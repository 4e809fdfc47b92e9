package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/store"
)

// TestBulk changes and deletes several transactions after a question, and records each.
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
	if page := s.want(http.StatusOK, got.header.Get("Location")); !strings.Contains(page.body, "Changed 302 transactions to “a”.") {
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

// confirm sends the form of a question.
func (s *dataSite) confirm(question reply) reply {
	s.tb.Helper()
	return s.answer(http.StatusSeeOther, question)
}

// answer is confirm with another status of the reply.
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

// TestBulkOfConfirmedOnly: transactions that are added or modified between the question and its confirmation are left
// alone.
func TestBulkOfConfirmedOnly(t *testing.T) {
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

// TestBulkOfSelectedThatChange: a selected transaction that is modified before the confirmation is left alone, and the next page
// says so.
func TestBulkOfSelectedThatChange(t *testing.T) {
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
		if !strings.Contains(page.body, "Left alone, because modified meanwhile: 1 transaction.") {
			t.Errorf("%q: the page does not show what was left: %q", action, page.texts(t, "p"))
		}
		if left := s.transaction(1); left.Status != "b" {
			t.Errorf("%q: it is %+v", action, left)
		}
	}
}

// TestBulkOfNamesThatChange: if an API is renamed before the confirmation, so that the search matches it too, nothing is done and
// the question is asked again.
func TestBulkOfNamesThatChange(t *testing.T) {
	s := startData(t)
	s.names("foo", "bar")
	var all []store.Transaction
	for _, name := range []string{"foo", "bar", "bar"} {
		all = append(all, store.Transaction{API: name, Status: name})
	}
	s.create(all...)
	question := s.want(http.StatusOK, "/admin/transactions", "action", "delete", "all", "on", "q", "foo")
	s.update(func(tx *store.Tx) error {
		return tx.UpdateNamed(store.Named{Kind: store.KindAPI, ID: 2, Name: "foo 2"})
	})
	again := s.answer(http.StatusConflict, question)
	if heads := again.texts(t, "h1"); heads[0] != "Delete 3 transactions?" {
		t.Errorf("the page has %q", heads)
	}
	if n := s.transactions(); n != 3 {
		t.Errorf("%d are left before the second confirmation, want 3", n)
	}
	s.confirm(again)
	if n := s.transactions(); n != 0 {
		t.Errorf("%d are left, want none", n)
	}
}

// TestBulkOfNamesThatChangeBetweenBatches: a status renamed after the first batch, so that the search matches it too, ends the
// action.
func TestBulkOfNamesThatChangeBetweenBatches(t *testing.T) {
	s := startData(t)
	s.many(600)
	s.exec(`CREATE TRIGGER renaming AFTER DELETE ON transactions WHEN OLD.id = 600 BEGIN
		UPDATE transaction_statuses SET name = 'b 2' WHERE name = 'a'; END`)
	question := s.want(http.StatusOK, "/admin/transactions", "action", "delete", "all", "on", "q", "b")
	if heads := question.texts(t, "h1"); heads[0] != "Delete 300 transactions?" {
		t.Fatalf("the page has %q", heads)
	}
	page := s.answer(http.StatusConflict, question)
	const says = "The search now matches other APIs or statuses. Deleted before that: 250 transactions."
	if texts := page.texts(t, "p"); !slices.Contains(texts, says) {
		t.Errorf("the page has %q, want %q", texts, says)
	}
	if n := s.transactions(); n != 350 {
		t.Errorf("%d are left, want 350", n)
	}
}

// TestBulkLater confirms half an hour after the question: the last hour is that before the question.
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

// TestBulkCountsWhatItChanges: a transaction in the future, left by a clock that was set back, is not counted.
func TestBulkCountsWhatItChanges(t *testing.T) {
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
	if page := s.want(http.StatusOK, s.confirm(asked).header.Get("Location")); !strings.Contains(page.body, "Deleted 3 transactions.") {
		t.Error("it changes another number than it asked about")
	}
}

// TestBulkAsksFirst: nothing is done without a question, or with bounds of a question that are not valid.
func TestBulkAsksFirst(t *testing.T) {
	s := startData(t)
	s.many(3)
	const path = "/admin/transactions"
	asked := s.want(http.StatusOK, path, "action", "delete", "all", "on", "confirmed", "yes")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 3 transactions?" {
		t.Errorf("the page has %q", heads)
	}
	asked = s.want(http.StatusOK, path, "action", "delete", "id", "1", "confirmed", "yes")
	if heads := asked.texts(t, "h1"); heads[0] != "Delete 1 transaction?" {
		t.Errorf("the page has %q", heads)
	}
	s.want(http.StatusNotFound, path, "action", "delete", "all", "on", "confirmed", "yes", "asked", "x", "highest", "3")
	s.want(http.StatusNotFound, path, "action", "delete", "all", "on", "confirmed", "yes", "asked", "2026-01-01T00:00:00Z", "highest", "x")
	s.want(http.StatusBadRequest, path, "action", "delete", "all", "on", "last", "2h")
	if texts := s.want(http.StatusOK, path+"?last=2h").texts(t, "p"); !slices.Contains(texts, "must be one of 15m, 1h, 24h, 7d, 30d") {
		t.Errorf("for an unknown time the page has %q", texts)
	}
	s.want(http.StatusBadRequest, path+".csv?last=2h")
	if n := s.transactions(); n != 3 {
		t.Errorf("%d are left, want 3", n)
	}
}

// TestRenamedMeanwhile: a bulk action continues when its status and its API are renamed between batches.
func TestRenamedMeanwhile(t *testing.T) {
	s := startData(t)
	s.many(600)
	s.exec(`CREATE TRIGGER renaming AFTER UPDATE ON transactions WHEN OLD.id = 351 BEGIN
		UPDATE transaction_statuses SET name = 'new ' || name; UPDATE apis SET name = 'new ' || name; END`)
	s.want(http.StatusSeeOther, "/admin/transactions", "action", "status", "to", "2", "api", "1", "all", "on", "highest", "600",
		"confirmed", "yes", "asked", "9000-01-01T00:00:00Z")
	s.view(func(tx *store.Tx) error {
		counts, err := tx.CountBy(store.KindStatus)
		if counts[2] != 600 {
			t.Errorf("%d have the status, want 600", counts[2])
		}
		return err
	})
}

// TestPartlyDeleted: if the deletion of an API fails after a batch of its transactions, the page says how many were deleted.
func TestPartlyDeleted(t *testing.T) {
	const recorded = "AFTER INSERT ON audit_log WHEN NEW.action = 'change'"
	for _, test := range []struct {
		trigger string
		status  int
		says    string
	}{
		{recorded + " BEGIN UPDATE apis SET description = 'changed' WHERE id = 1; END", 409, " Already deleted: 5,000 transactions."},
		{recorded + " BEGIN UPDATE users SET role = 'viewer' WHERE name = 'staff'; END", 403, " Already deleted: 5,000 transactions."},
		{"BEFORE DELETE ON transactions BEGIN SELECT RAISE(ABORT, 'none'); END", 500, " Nothing was changed."},
	} {
		s := startData(t)
		s.names("a")
		s.exec(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			WITH RECURSIVE row (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM row WHERE i < 10010) SELECT 1, 1, 1, 1, 1 FROM row`)
		s.exec("CREATE TRIGGER ending " + test.trigger)
		page := s.save(test.status, "/admin/apis/1/delete")
		texts := strings.Join(page.texts(t, "p"), "\n")
		if !strings.Contains(texts, test.says) || strings.Contains(texts, "meanwhile by staff") || test.status == 409 && strings.Contains(texts, "Nothing was") {
			t.Errorf("%s: the page has %q", test.trigger, texts)
		}
	}
}

// TestPartlyDone: if a bulk action fails after a batch, the page says how many transactions were changed.
func TestPartlyDone(t *testing.T) {
	const confirmed, undone = "action=status&to=2&all=on&highest=600&confirmed=yes&asked=9000-01-01T00:00:00Z", "Nothing was changed."
	for _, test := range []struct {
		name, trigger, form string
		status              int
		says                string
	}{
		{
			"the third batch", "BEFORE UPDATE ON transactions WHEN OLD.id = 99 BEGIN SELECT RAISE(ABORT, 'no more'); END", confirmed,
			500, "Something went wrong. It was logged. Changed before that: 250 transactions.",
		},
		{
			"the first batch", "BEFORE UPDATE ON transactions WHEN OLD.id = 599 BEGIN SELECT RAISE(ABORT, 'none'); END", confirmed,
			500, "Something went wrong. It was logged. " + undone,
		},
		{
			"the right", "AFTER UPDATE ON transactions WHEN OLD.id = 351 BEGIN UPDATE users SET role = 'viewer' WHERE name = 'staff'; END", confirmed,
			403, "Your role does not allow this. Changed before that: 125 transactions.",
		},
		{
			"the status", "AFTER INSERT ON audit_log WHEN NEW.object_id = 351 BEGIN DELETE FROM transaction_statuses WHERE id = 2; END", confirmed,
			409, "The new status was deleted meanwhile. Changed before that: 125 transactions.",
		},
		{
			"selected transactions", "BEFORE DELETE ON transactions WHEN OLD.id = 300 BEGIN SELECT RAISE(ABORT, 'no more'); END", "",
			500, "Something went wrong. It was logged. Deleted before that: 250 transactions.",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startData(t)
			s.many(600)
			s.exec("CREATE TRIGGER failing " + test.trigger)
			if test.form == "" {
				test.form = "action=delete&highest=600&confirmed=yes&asked=9000-01-01T00:00:00Z"
				for id := range 600 {
					test.form += "&id=" + decimal(id+1)
				}
			}
			var fields []string
			for pair := range strings.SplitSeq(test.form, "&") {
				name, value, _ := strings.Cut(pair, "=")
				fields = append(fields, name, value)
			}
			page := s.want(test.status, "/admin/transactions", fields...)
			if texts := page.texts(t, "p"); !slices.Contains(texts, test.says) {
				t.Errorf("the page has %q, want %q", texts, test.says)
			}
		})
	}
}
