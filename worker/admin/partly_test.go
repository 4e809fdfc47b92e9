package admin_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"multiproc/store"
)

// TestRenamedMeanwhile gives the status and the API of a bulk action other names between its portions: it is done to all.
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

// TestPartlyDeleted has the deletion of an API end after the first portion of its transactions, of which there are two, and the
// rest.
func TestPartlyDeleted(t *testing.T) {
	const recorded = "AFTER INSERT ON audit_log WHEN NEW.action = 'change'"
	for _, test := range []struct {
		trigger string
		status  int
		says    string
	}{
		{recorded + " BEGIN UPDATE apis SET description = 'changed' WHERE id = 1; END", 409, " Deleted before, and it stays so: 5,000 transactions."},
		{recorded + " BEGIN UPDATE users SET role = 'viewer' WHERE name = 'staff'; END", 403, " Deleted before, and it stays so: 5,000 transactions."},
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
			t.Errorf("%s: it says %q", test.trigger, texts)
		}
	}
}

// TestPartlyDone has a bulk action fail after some of its portions: the page says how many were done, and not that none were.
func TestPartlyDone(t *testing.T) {
	const confirmed, undone = "action=status&to=2&all=on&highest=600&confirmed=yes&asked=9000-01-01T00:00:00Z", "Nothing was changed."
	for _, test := range []struct {
		name, trigger, form string
		status              int
		says                string
	}{
		{
			"the third portion", "BEFORE UPDATE ON transactions WHEN OLD.id = 99 BEGIN SELECT RAISE(ABORT, 'no more'); END", confirmed,
			500, "Something went wrong here. It was logged. Changed before, and it stays so: 250 transactions.",
		},
		{
			"the first portion", "BEFORE UPDATE ON transactions WHEN OLD.id = 599 BEGIN SELECT RAISE(ABORT, 'none'); END", confirmed,
			500, "Something went wrong here. It was logged. " + undone,
		},
		{
			"the right", "AFTER UPDATE ON transactions WHEN OLD.id = 351 BEGIN UPDATE users SET role = 'viewer' WHERE name = 'staff'; END", confirmed,
			403, "Your role does not allow this. Changed before, and it stays so: 125 transactions.",
		},
		{
			"the status", "AFTER INSERT ON audit_log WHEN NEW.object_id = 351 BEGIN DELETE FROM transaction_statuses WHERE id = 2; END", confirmed,
			409, "The status was deleted meanwhile. Changed before, and it stays so: 125 transactions.",
		},
		{
			"those that are marked", "BEFORE DELETE ON transactions WHEN OLD.id = 300 BEGIN SELECT RAISE(ABORT, 'no more'); END", "",
			500, "Something went wrong here. It was logged. Deleted before, and it stays so: 250 transactions.",
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
				t.Errorf("it says %q, want %q", texts, test.says)
			}
		})
	}
}
