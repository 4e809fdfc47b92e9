package main

import (
	"bufio"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestAdminExport exports to a slow reader: for longer than a request may take, with every buffer of the connection full. The
// export is complete, and the database's WAL can be truncated meanwhile.
func TestAdminExport(t *testing.T) {
	t.Parallel()
	const n = 50_000 // more than all buffers on the way hold, with names of the maximum length
	s := startAdmin(t, "harakiri = 1\n", "ada")
	db := openOutside(t, filepath.Join(s.dir, "transactions.db"))
	_, err := db.ExecContext(t.Context(), `
		INSERT INTO apis (id, name, description, params) VALUES (1, replace(hex(zeroblob(100)), '0', 'x'), '', '{}');
		INSERT INTO transaction_statuses (id, name, description) VALUES (1, 'Completed', '');
		WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000)
			INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			SELECT n, 1, 1, unixepoch() * 1000000, unixepoch() * 1000000 FROM numbers`)
	check(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url("/admin/transactions.csv"), nil)
	check(t, err)
	_, session, err := s.login("ada", adminPassword)
	if err != nil || session == "" {
		t.Fatalf("login: %q %v", session, err)
	}
	request.AddCookie(&http.Cookie{Name: sessionCookie, Value: session})
	response, err := http.DefaultTransport.RoundTrip(request)
	check(t, err)
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	if head, err := lines.ReadString('\n'); head != "id,api,status,amount,time_created,time_modified\n" {
		t.Fatalf("%q %v", head, err)
	}
	<-time.After(1500 * time.Millisecond) // the elapsed time is the point
	var busy, log, done int
	if err := db.QueryRowContext(t.Context(), "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &log, &done); err != nil || busy != 0 {
		t.Errorf("the log of the database cannot be emptied: busy %d, %v", busy, err)
	}
	last := n + 1
	for i := range n {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("after %d lines: %v", i, err)
		}
		id, _, _ := strings.Cut(line, ",")
		if is, err := strconv.Atoi(id); err != nil || is != last-1 {
			t.Fatalf("%q after %d", line, last)
		}
		last--
	}
	if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
		t.Errorf("%d bytes more, %v", len(rest), err)
	}
}
