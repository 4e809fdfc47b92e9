package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/api"
)

// scrape is the page of metrics, without what mpmetrics says of itself.
func (s *service) scrape(gatherers ...prometheus.Gatherer) string {
	s.tb.Helper()
	collector := mpmetrics.NewCollector(s.pages, mpmetrics.CollectorOptions{Gatherers: gatherers})
	defer collector.Close()
	var text bytes.Buffer
	if err := collector.Write(&text, expfmt.NewFormat(expfmt.TypeTextPlain)); err != nil {
		s.tb.Fatal(err)
	}
	var lines strings.Builder
	for line := range strings.Lines(text.String()) {
		if !strings.Contains(line, "multiproc_metric_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// page is the lines of the page that begin so.
func (s *service) page(prefix string, gatherers ...prometheus.Gatherer) string {
	s.tb.Helper()
	var lines []string
	for line := range strings.Lines(s.scrape(gatherers...)) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

const noneRecorded = `# HELP api_transactions_recorded_total Transactions recorded through the API, by API and first status.
# TYPE api_transactions_recorded_total counter
`

func up(v int) string {
	return fmt.Sprintf("# HELP multiproc_store_up Whether the database can be read.\n# TYPE multiproc_store_up gauge\nmultiproc_store_up %d.0\n", v)
}

// TestGauge: the page, byte for byte.
func TestGauge(t *testing.T) {
	s := startAPI(t)
	g := api.NewGatherer(s.store, nil)
	if page := s.scrape(g); page != up(1) {
		t.Errorf("without transactions:\n%s", page)
	}
	s.post("/api/v1/transactions", "["+pending+","+pending+","+pending+","+pending+","+pending+"]")
	want := `# HELP api_transactions API Transactions
# TYPE api_transactions gauge
api_transactions{api="Mpesa Express",status="Pending"} 5.0
` + noneRecorded + `api_transactions_recorded_total{api="Mpesa Express",status="Pending"} 5.0
` + up(1)
	if page := s.scrape(g); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}
	s.want(200, call{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Processed"}`})
	s.post("/api/v1/transactions", `{"api": "Mpesa B2C", "status": "Processed", "amount": 1}`)
	s.update(func(tx *store.Tx) error {
		for _, age := range []time.Duration{24*time.Hour + time.Second, -time.Minute} {
			t := store.Transaction{API: "Mpesa B2C", Status: "Pending", Modified: tx.Now().Add(-age)}
			if _, err := tx.CreateTransaction(t); err != nil {
				return err
			}
		}
		return nil
	})
	want = `api_transactions{api="Mpesa B2C",status="Processed"} 1.0
api_transactions{api="Mpesa Express",status="Pending"} 4.0
api_transactions{api="Mpesa Express",status="Processed"} 1.0
`
	if page := s.page("api_transactions{", g); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}
	if page := serveAPI(t, s.database).page("api_transactions{", g); page != want {
		t.Errorf("another worker:\n%s\nwant:\n%s", page, want)
	}
	registry := prometheus.NewPedanticRegistry()
	if _, err := (prometheus.Gatherers{registry, g}).Gather(); err != nil {
		t.Error(err)
	}
}

// TestGaugeLabels: names of APIs and statuses are any text.
func TestGaugeLabels(t *testing.T) {
	s := startAPI(t)
	g := api.NewGatherer(s.store, nil)
	s.update(func(tx *store.Tx) error {
		for _, name := range hostileNames {
			if _, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: name}); err != nil {
				return err
			}
			if _, err := tx.CreateTransaction(store.Transaction{API: name, Status: "Pending"}); err != nil {
				return err
			}
		}
		return nil
	})
	page := s.page("", g)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatalf("%v:\n%s", err, page)
	}
	seen := map[string]bool{}
	for _, m := range families["api_transactions"].GetMetric() {
		seen[m.GetLabel()[0].GetValue()] = true
	}
	for _, name := range hostileNames {
		if !seen[name] {
			t.Errorf("%q is not on the page", name)
		}
	}
}

// TestGaugeForeignNames: names that somebody else has stored, which are no text.
func TestGaugeForeignNames(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/transactions", pending)
	s.exec(`INSERT INTO apis (id, name, description, params)
			VALUES (11, CAST(x'4261ff64' AS TEXT), '', '{}'), (12, CAST(x'4261fe64' AS TEXT), '', '{}')`,
		`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			SELECT t.amount, a.id, t.status_id, t.time_created, t.time_modified FROM transactions t CROSS JOIN apis a WHERE a.id > 10`)
	want := `api_transactions{api="Ba` + "\ufffd" + `d",status="Pending"} 2.0
api_transactions{api="Mpesa Express",status="Pending"} 1.0
`
	if page := s.page("api_transactions{", api.NewGatherer(s.store, nil)); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}
}

// TestRecorded: what is created is counted once, and nothing else is.
func TestRecorded(t *testing.T) {
	s := startAPI(t)
	keyed := call{method: "POST", path: "/api/v1/transactions", body: pending, header: withKey("k")}
	s.want(201, keyed)
	s.want(201, keyed)
	s.post("/api/v1/transactions", "["+pending+`, {"api": "Mpesa B2C", "status": "Pending", "amount": 1}]`)
	s.want(422, call{method: "POST", path: "/api/v1/transactions", body: "[" + pending + `, {"api": "Mpesa B2C", "status": "Pending"}]`})
	s.want(200, call{method: "PATCH", path: "/api/v1/transactions/1", body: `{"status": "Processed"}`})
	s.want(204, call{method: "DELETE", path: "/api/v1/transactions/1"})
	want := `api_transactions_recorded_total{api="Mpesa B2C",status="Pending"} 1.0
api_transactions_recorded_total{api="Mpesa Express",status="Pending"} 2.0
`
	if page := s.page("api_transactions_recorded_total{"); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}
}

// TestGaugeWithoutDatabase: the page lives, says so, and the log is told once.
func TestGaugeWithoutDatabase(t *testing.T) {
	s := startAPI(t)
	s.post("/api/v1/transactions", pending)
	log := &logBuffer{}
	g := api.NewGatherer(s.store, slog.New(slog.NewTextHandler(log, nil)))
	recorded := `api_transactions_recorded_total{api="Mpesa Express",status="Pending"} 1.0
`
	expect := func(want string, lines int) {
		t.Helper()
		for range 3 {
			if page := s.scrape(g); page != want {
				t.Errorf("got:\n%s\nwant:\n%s", page, want)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != lines {
			t.Errorf("%d lines, want %d:\n%s", n, lines, log)
		}
	}
	gauge := `# HELP api_transactions API Transactions
# TYPE api_transactions gauge
api_transactions{api="Mpesa Express",status="Pending"} 1.0
`
	expect(gauge+noneRecorded+recorded+up(1), 0)
	away := s.database + ".away"
	if err := os.Rename(s.database, away); err != nil {
		t.Fatal(err)
	}
	expect(noneRecorded+recorded+up(0), 1)
	if err := os.Rename(away, s.database); err != nil {
		t.Fatal(err)
	}
	expect(gauge+noneRecorded+recorded+up(1), 2)
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	expect(noneRecorded+recorded+up(0), 3)
	for _, text := range []string{"level=ERROR msg=\"the database cannot be read: no api_transactions\" error=", "level=INFO msg=\"the database can be read again\""} {
		if !strings.Contains(log.String(), text) {
			t.Errorf("no %s in\n%s", text, log)
		}
	}
}

// TestGaugePatience: a page does not wait for a database that does not answer, such as when a process was stopped while it
// had SQLite's locks. SQLite itself waits longer, and cannot be interrupted.
func TestGaugePatience(t *testing.T) {
	s := startAPI(t)
	g := api.NewGatherer(s.store, nil)
	shm, err := os.OpenFile(s.database+"-shm", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // at the end: it takes this process's own locks along
		if err := shm.Close(); err != nil {
			t.Error(err)
		}
	})
	lock := func(kind int16) {
		t.Helper()
		readers := unix.Flock_t{Type: kind, Start: 123, Len: 5}
		if err := unix.FcntlFlock(shm.Fd(), unix.F_OFD_SETLK, &readers); err != nil {
			t.Fatal(err)
		}
	}
	lock(unix.F_WRLCK)
	start := time.Now()
	if page := s.page("multiproc_store_up", g); page != "multiproc_store_up 0.0\n" {
		t.Errorf("%s", page)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	lock(unix.F_UNLCK)
	if page := s.page("multiproc_store_up", g); page != "multiproc_store_up 1.0\n" {
		t.Errorf("%s", page)
	}
}
