package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// benchScrapes is the number of scrapes of a server before the next one's turn.
const benchScrapes = 50

// BenchmarkScrapes compares the page of metrics of servers with 100, 100,000 and 1,000,000 transactions in the last 24 hours,
// of 6 APIs in 5 statuses, side by side. One iteration is a round of all. It reports the medians and their ratios to the
// first.
func BenchmarkScrapes(b *testing.B) {
	sizes := []int{100, 100_000, 1_000_000}
	if testing.Short() {
		sizes = sizes[:2]
	}
	servers := make([]*testServer, len(sizes))
	for i, n := range sizes {
		servers[i] = startServer(b, "socket = 127.0.0.1:0\nprocesses = 2\ndisable-logging = true\ndatabase = transactions.db\n")
		fillWindow(b, filepath.Join(servers[i].dir, "transactions.db"), n)
		if _, stderr, code := servers[i].run("migrate", "--recount", "--ini", servers[i].ini); code != exitOK {
			b.Fatal(stderr)
		}
	}
	times := make([][]time.Duration, len(sizes))
	for b.Loop() {
		for i, s := range servers {
			times[i] = append(times[i], scrapeFor(b, s, benchScrapes)...)
		}
	}
	var first float64
	for i, n := range sizes {
		slices.Sort(times[i])
		middle := float64(times[i][len(times[i])/2].Microseconds())
		if i == 0 {
			first = middle
		}
		b.ReportMetric(middle, fmt.Sprintf("%d-µs", n))
		b.ReportMetric(middle/first, fmt.Sprintf("%d-ratio", n))
	}
	for _, s := range servers {
		s.stop()
	}
}

// fillWindow adds transactions spread evenly over the last 24 hours.
func fillWindow(b *testing.B, path string, n int) {
	b.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=on&_busy_timeout=5000")
	check(b, err)
	defer db.Close()
	exec := func(query string) {
		if _, err := db.ExecContext(context.WithoutCancel(b.Context()), query); err != nil {
			b.Fatal(err)
		}
	}
	series := func(n int) string {
		return fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) ", n)
	}
	exec(series(6) + `INSERT INTO apis (name, description, params) SELECT 'API ' || i, '', '{}' FROM n`)
	exec(series(5) + `INSERT INTO transaction_statuses (name, description) SELECT 'Status ' || i, '' FROM n`)
	exec(series(n) + fmt.Sprintf(`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
		SELECT i, 1 + i %% 6, 1 + i / 6 %% 5, t, t FROM (
			SELECT i, unixepoch() * 1000000 - (%d - i) * 86000 * 1000000 / %[1]d AS t FROM n)`, n))
}

// scrapeFor scrapes on one connection and returns how long each scrape took.
func scrapeFor(b *testing.B, s *testServer, n int) []time.Duration {
	b.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	times := make([]time.Duration, n)
	for i := range times {
		begun := time.Now()
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.url("/metrics"), http.NoBody)
		check(b, err)
		response, err := client.Do(request)
		check(b, err)
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, err)
		}
		times[i] = time.Since(begun)
	}
	return times
}
