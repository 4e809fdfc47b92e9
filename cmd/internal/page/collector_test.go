package page

import (
	"bytes"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
	"multiproc/store"
)

// shop is a database with a page of metrics that has its gauge.
type shop struct {
	t         *testing.T
	path      string
	store     *store.Store
	log       proctest.Log
	collector *mpmetrics.Collector
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, path: filepath.Join(t.TempDir(), "multiproc.db")}
	_, _, err := store.Migrate(t.Context(), s.path, store.Options{})
	s.check(err)
	s.store, err = store.Open(t.Context(), s.path, store.Options{})
	s.check(err)
	t.Cleanup(func() { _ = s.store.Close() })
	s.collector = NewCollector(t.TempDir(), s.store, slog.New(slog.NewTextHandler(&s.log, nil)))
	t.Cleanup(func() { s.collector.Close() })
	s.update(func(tx *store.Tx) error {
		for _, n := range []store.Named{
			{Kind: store.KindAPI, Name: "Mpesa Express"},
			{Kind: store.KindAPI, Name: "Mpesa B2C"},
			{Kind: store.KindStatus, Name: "Pending"},
			{Kind: store.KindStatus, Name: "Processed"},
		} {
			if _, err := tx.CreateNamed(n); err != nil {
				return err
			}
		}
		return nil
	})
	return s
}

func (s *shop) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) update(f func(*store.Tx) error) {
	s.t.Helper()
	s.check(s.store.Update(s.t.Context(), f))
}

// add stores transactions of an age.
func (s *shop) add(n int, api, status string, age time.Duration) {
	s.t.Helper()
	s.update(func(tx *store.Tx) error {
		for range n {
			if _, err := tx.CreateTransaction(store.Transaction{API: api, Status: status, Modified: tx.Now().Add(-age)}); err != nil {
				return err
			}
		}
		return nil
	})
}

// scrape returns the page without mpmetrics's own families.
func (s *shop) scrape() string {
	s.t.Helper()
	var text bytes.Buffer
	s.check(s.collector.Write(&text, expfmt.NewFormat(expfmt.TypeTextPlain)))
	var lines strings.Builder
	for line := range strings.Lines(text.String()) {
		if !strings.Contains(line, "multiproc_metric_") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// want compares the page's samples with the lines.
func (s *shop) want(lines ...string) {
	s.t.Helper()
	var samples strings.Builder
	for line := range strings.Lines(s.scrape()) {
		if line[0] != '#' {
			samples.WriteString(line)
		}
	}
	if want := strings.Join(lines, "\n") + "\n"; samples.String() != want {
		s.t.Errorf("got:\n%s\nwant:\n%s", &samples, want)
	}
}

func TestGauge(t *testing.T) {
	s := newShop(t)
	s.want("multiproc_store_up 1.0")
	s.add(5, "Mpesa Express", "Pending", 0)
	want := `# HELP api_transactions API Transactions
# TYPE api_transactions gauge
api_transactions{api="Mpesa Express",status="Pending"} 5.0
# HELP multiproc_store_up Whether the database can be read.
# TYPE multiproc_store_up gauge
multiproc_store_up 1.0
`
	if page := s.scrape(); page != want {
		t.Errorf("got:\n%s\nwant:\n%s", page, want)
	}

	s.update(func(tx *store.Tx) error {
		found, err := tx.Transaction(1)
		if err != nil {
			return err
		}
		found.Status = "Processed"
		return tx.UpdateTransaction(found)
	})
	s.add(1, "Mpesa B2C", "Processed", 0)
	s.add(1, "Mpesa B2C", "Pending", 24*time.Hour+time.Second)
	s.add(1, "Mpesa B2C", "Pending", -time.Minute) // of the future
	s.want(`api_transactions{api="Mpesa B2C",status="Processed"} 1.0`,
		`api_transactions{api="Mpesa Express",status="Pending"} 4.0`,
		`api_transactions{api="Mpesa Express",status="Processed"} 1.0`,
		"multiproc_store_up 1.0")

	registry := prometheus.NewPedanticRegistry()
	if _, err := (prometheus.Gatherers{registry, newGauge(s.store, slog.New(slog.DiscardHandler))}).Gather(); err != nil {
		t.Error(err)
	}
}

// TestGaugeInvalidNames has another program store two names that are not UTF-8 and become equal when they are made valid.
func TestGaugeInvalidNames(t *testing.T) {
	s := newShop(t)
	s.add(1, "Mpesa Express", "Pending", 0)
	db, err := sql.Open("sqlite3", s.path)
	s.check(err)
	defer db.Close()
	for _, statement := range []string{
		`INSERT INTO apis (id, name, description, params)
			VALUES (11, CAST(x'4261ff64' AS TEXT), '', '{}'), (12, CAST(x'4261fe64' AS TEXT), '', '{}')`,
		`INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified)
			SELECT t.amount, a.id, t.status_id, t.time_created, t.time_modified FROM transactions t CROSS JOIN apis a WHERE a.id > 10`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		s.check(err)
	}
	s.want(`api_transactions{api="Ba`+"\ufffd"+`d",status="Pending"} 2.0`,
		`api_transactions{api="Mpesa Express",status="Pending"} 1.0`,
		"multiproc_store_up 1.0")
}

// TestGaugeWithoutDatabase shows that the page survives the loss of the database, and that each change is logged once.
func TestGaugeWithoutDatabase(t *testing.T) {
	s := newShop(t)
	s.add(1, "Mpesa Express", "Pending", 0)
	wantAll := func(logged int, lines ...string) {
		t.Helper()
		for range 3 {
			s.want(lines...)
		}
		if n := s.log.Count(); n != logged {
			t.Errorf("%d lines, want %d:\n%s", n, logged, &s.log)
		}
	}
	pending := `api_transactions{api="Mpesa Express",status="Pending"} 1.0`
	wantAll(0, pending, "multiproc_store_up 1.0")
	s.check(os.Rename(s.path, s.path+".away"))
	wantAll(1, "multiproc_store_up 0.0")
	s.check(os.Rename(s.path+".away", s.path))
	wantAll(2, pending, "multiproc_store_up 1.0")
	s.check(s.store.Close())
	wantAll(3, "multiproc_store_up 0.0")
	if n, again := s.log.Count("level=ERROR", "cannot be read", "error="), s.log.Count("level=INFO", "can be read again"); n != 2 || again != 1 {
		t.Errorf("log:\n%s", &s.log)
	}
}

// TestGaugeTimeout shows that a scrape does not wait for a database that hangs: here another process seems to have been stopped
// while it held SQLite's locks. SQLite itself waits longer and cannot be interrupted.
func TestGaugeTimeout(t *testing.T) {
	s := newShop(t)
	shm, err := os.OpenFile(s.path+"-shm", os.O_RDWR, 0)
	s.check(err)
	t.Cleanup(func() { _ = shm.Close() }) // at the end: it releases this process's own locks, too
	lock := func(kind int16) {
		t.Helper()
		s.check(unix.FcntlFlock(shm.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: kind, Start: 123, Len: 5}))
	}
	lock(unix.F_WRLCK)
	start := time.Now()
	s.want("multiproc_store_up 0.0")
	if took := time.Since(start); took > gaugeTimeout+3*time.Second {
		t.Errorf("it took %v", took)
	}
	lock(unix.F_UNLCK)
	s.want("multiproc_store_up 1.0")
}
