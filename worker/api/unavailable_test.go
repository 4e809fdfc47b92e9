package api_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"multiproc/store"
)

// expectUnavailable makes calls whose answers must say that they may be tried again, and no more.
func (s *service) expectUnavailable(status int, detail string, calls ...call) {
	s.tb.Helper()
	for _, c := range calls {
		got := s.want(status, c)
		if p := decode[problem](s.tb, got); p.Detail != detail || got.header.Get("Retry-After") == "" {
			s.tb.Errorf("%s %s: %s, Retry-After %q", c.method, c.path, p.Detail, got.header.Get("Retry-After"))
		}
	}
}

var (
	reading = call{method: "GET", path: "/api/v1/transactions/1"}
	writing = call{method: "POST", path: "/api/v1/transactions", body: pending}
)

// TestDatabaseGone: the API recovers when the database comes back. The log gets one line.
func TestDatabaseGone(t *testing.T) {
	s := startAPI(t)
	s.want(201, writing)
	away := s.database + ".away"
	check(t, os.Rename(s.database, away))
	for range 20 {
		s.expectUnavailable(503, "the database is unavailable", reading, writing)
	}
	s.want(200, call{method: "GET", path: "/api/v1/openapi.json"})
	if lines := strings.Count(s.log.String(), "\n"); lines != 1 || !strings.Contains(s.log.String(), s.database) {
		t.Errorf("%d lines:\n%s", lines, s.log)
	}
	check(t, os.Rename(away, s.database))
	s.want(200, reading)
	s.want(201, writing)
	if n := s.transactions(); n != 2 {
		t.Errorf("%d transactions", n)
	}
}

// TestDatabaseBusy: another process writes for longer than a request waits.
func TestDatabaseBusy(t *testing.T) {
	s := startAPI(t, store.Options{Timeout: 100 * time.Millisecond})
	s.want(201, writing)
	s.occupied(func() {
		s.expectUnavailable(503, "the database is busy", writing, writing)
		s.want(200, reading)
		s.want(422, call{method: "POST", path: writing.path, body: "{}"}) // found without writing
	})
	s.want(201, writing)
	if n := s.transactions(); n != 2 {
		t.Errorf("%d transactions", n)
	}
	if lines := strings.Count(s.log.String(), "\n"); lines != 1 {
		t.Errorf("%d lines:\n%s", lines, s.log)
	}
}

// occupied calls f while another process writes.
func (s *service) occupied(f func()) {
	s.tb.Helper()
	db := s.open()
	conn, err := db.Conn(s.tb.Context())
	check(s.tb, err)
	if _, err := conn.ExecContext(s.tb.Context(), "BEGIN IMMEDIATE"); err != nil {
		s.tb.Fatal(err)
	}
	f()
	if err := conn.Close(); err != nil {
		s.tb.Error(err)
	}
	if err := db.Close(); err != nil {
		s.tb.Error(err)
	}
}

// TestStopping: a worker whose store is closed answers 503.
func TestStopping(t *testing.T) {
	s := startAPI(t)
	check(t, s.store.Close())
	s.expectUnavailable(503, "the server is stopping", reading, writing)
	if s.log.String() != "" {
		t.Errorf("log:\n%s", s.log)
	}
}

// TestClientGone: a request whose client has disconnected is not done, and not logged as a failure.
func TestClientGone(t *testing.T) {
	s := startAPI(t)
	s.occupied(func() {
		ctx, cancel := context.WithCancel(t.Context())
		r, err := http.NewRequestWithContext(ctx, "POST", s.url+writing.path, strings.NewReader(pending))
		check(t, err)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+s.writer)
		go func() {
			<-s.watch.begun
			cancel()
		}()
		if answer, err := http.DefaultTransport.RoundTrip(r); err == nil {
			_ = answer.Body.Close()
			t.Errorf("answered %d", answer.StatusCode)
		}
		if got := <-s.watch.answered; got.status != 499 {
			t.Errorf("counted as %d", got.status)
		}
	})
	s.want(201, writing)
	if n := s.transactions(); n != 1 {
		t.Errorf("%d transactions", n)
	}
	if s.log.String() != "" {
		t.Errorf("log:\n%s", s.log)
	}
}

// TestCut: a request that the worker cuts is answered 503.
func TestCut(t *testing.T) {
	s := startAPI(t)
	ctx, cut := context.WithCancelCause(t.Context())
	cut(errors.New("the worker ends"))
	for _, c := range []call{reading, writing} {
		r := httptest.NewRequestWithContext(ctx, c.method, c.path, strings.NewReader(c.body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+s.writer)
		w := httptest.NewRecorder()
		s.api.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", c.method, w.Code, w.Body)
		}
	}
}

// TestUnexpected: the cause of an unexpected failure goes to the log, not to the client.
func TestUnexpected(t *testing.T) {
	s := startAPI(t)
	s.exec("PRAGMA ignore_check_constraints = ON; UPDATE apis SET params = '{secret' WHERE id = 1")
	for _, path := range []string{"/api/v1/apis/1", "/api/v1/apis"} {
		got := s.want(500, call{method: "GET", path: path})
		if strings.Contains(string(got.body), "secret") || !strings.HasPrefix(decode[problem](t, got).Detail, "internal error: see the log entry ") {
			t.Errorf("%s", got.body)
		}
	}
	s.exec("DROP TABLE audit_log")
	s.want(500, call{method: "PATCH", path: "/api/v1/apis/2", body: `{"name": "x"}`})
	if lines := strings.Count(s.log.String(), "request failed"); lines != 3 || strings.Contains(s.log.String(), s.writer) {
		t.Errorf("log:\n%s", s.log)
	}
	if got := decode[named](t, s.get("/api/v1/apis/2")); got.Name != "Mpesa B2C" {
		t.Errorf("%v", got)
	}
}
