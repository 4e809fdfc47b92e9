package admin_test

import (
	"database/sql"
	"net/http"
	"testing"
	"time"
)

// BenchmarkPages requests pages over a million transactions of the last 24 hours, with 6 APIs and 5 statuses: lists in each order
// and with filters, the history of as many entries, the overview, the question before a deletion, and an export of everything.
func BenchmarkPages(b *testing.B) {
	s := startData(b)
	s.names("n1", "n2", "n3", "n4", "n5", "rare")
	db, err := sql.Open("sqlite3", s.database)
	check(b, err)
	defer db.Close()
	const n = 1_000_000
	_, err = db.ExecContext(b.Context(), `INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
		WITH RECURSIVE row (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM row WHERE i < ?1)
		SELECT 10000 * abs(random() % 100000), CASE i % 250000 WHEN 0 THEN 6 ELSE 1 + i % 5 END, 1 + i / 5 % 5, ?2 - (?1 - i) * 86400, ?2 - (?1 - i) * 86400 FROM row`,
		n, time.Now().UnixMicro())
	check(b, err)
	_, err = db.ExecContext(b.Context(), `INSERT INTO audit_log (time, actor, action, kind, object_id, object, changes)
		WITH RECURSIVE row (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM row WHERE i < ?1)
		SELECT ?2 - (?1 - i) * 86400, 'bulky', 'delete', CASE i % 250000 WHEN 0 THEN 'api' ELSE 'transaction' END, i, 'n1', '{}' FROM row`,
		n, time.Now().UnixMicro())
	check(b, err)
	first := s.want(http.StatusOK, "/admin/transactions?sort=id").link(b, "Next →")
	for _, bc := range []struct{ name, path string }{
		{"overview", "/admin/"},
		{"first", "/admin/transactions"},
		{"second of the oldest", first},
		{"by modified", "/admin/transactions?sort=-modified"},
		{"by created", "/admin/transactions?sort=-created"},
		{"by amount", "/admin/transactions?sort=-amount"},
		{"of an API", "/admin/transactions?api=1"},
		{"of a rare API", "/admin/transactions?api=6"},
		{"of an API and a status", "/admin/transactions?api=1&status=2"},
		{"of the last hour", "/admin/transactions?last=1h"},
		{"of the last 24 hours and an API", "/admin/transactions?last=24h&api=1"},
		{"search for an id", "/admin/transactions?q=%23777777"},
		{"search for a name", "/admin/transactions?q=rar"},
		{"search for an amount", "/admin/transactions?q=5000"},
		{"of a rare API by modified", "/admin/transactions?api=6&sort=-modified"},
		{"of a rare API by created", "/admin/transactions?api=6&sort=-created"},
		{"of the last 24 hours and a rare API", "/admin/transactions?last=24h&api=6"},
		{"search for a rare name in the last 24 hours", "/admin/transactions?last=24h&q=rar"},
		{"history", "/admin/history"},
		{"history of a rare kind", "/admin/history?kind=api"},
		{"history of an actor and a rare kind", "/admin/history?kind=api&actor=bulky"},
		{"APIs with counts", "/admin/apis"},
		{"deletion of an API", "/admin/apis/1/delete"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			for b.Loop() {
				s.want(http.StatusOK, bc.path)
			}
		})
	}
	b.Run("export", func(b *testing.B) {
		for b.Loop() {
			s.want(http.StatusOK, "/admin/transactions.csv")
		}
		b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
