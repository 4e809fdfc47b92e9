package admin_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"multiproc/worker/admin"
)

// TestInternals: the cause of a failure is in the log, and on the page only in debug mode.
func TestInternals(t *testing.T) {
	for _, debug := range []bool{false, true} {
		s := startSite(t, func(c *admin.Config) { c.Debug = debug })
		s.exec("DROP TABLE api_tokens")
		b := s.as("superuser")
		replies := map[string]reply{
			"no such table":  b.get("/admin/tokens"),
			"panic: secret!": b.serve(s.admin.Panicking("secret!")),
		}
		for internal, r := range replies {
			b.want(500, r)
			if strings.Contains(r.body, internal) != debug || strings.Contains(r.body, "failure_test.go") && !debug {
				t.Errorf("debug %v: %q is on the page: %v\n%s", debug, internal, !debug, r.body)
			}
			found := false
			for line := range strings.Lines(s.log.String()) {
				var entry struct{ ID, Error string }
				check(t, json.Unmarshal([]byte(line), &entry))
				found = found || len(entry.ID) == 12 && r.shows(entry.ID) && strings.Contains(entry.Error, internal)
			}
			if !found {
				t.Errorf("debug %v: the id on the page does not lead to %q in the log:\n%s\n%s", debug, internal, r.body, s.log)
			}
		}
		if r := b.get("/admin/users"); strings.Contains(r.body, "debug = true") != debug {
			t.Errorf("debug %v: the page shows the mode: %v\n%s", debug, !debug, r.body)
		}
	}
}

// TestAbort: a handler can abort the connection.
func TestAbort(t *testing.T) {
	s := startSite(t)
	defer func() {
		if value := recover(); value != http.ErrAbortHandler { //nolint:errorlint // a panic's value
			t.Errorf("the panic is %v", value)
		}
	}()
	s.visitor().serve(s.admin.Panicking(http.ErrAbortHandler))
}

func TestDatabaseGone(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	check(t, s.store.Close())
	for _, r := range []reply{b.get("/admin/users"), b.post("/admin/users/add"), b.post("/admin/login", "username", "x", "password", "x")} {
		if b.want(503, r); r.header.Get("Retry-After") == "" || strings.Contains(r.body, "closed") {
			t.Errorf("%v\n%s", r.header, r.body)
		}
	}
}

// TestFormLimits: forms that are too large are refused, with a smaller limit before the login.
func TestFormLimits(t *testing.T) {
	s := startSite(t)
	visitor, b := s.visitor(), s.as("superuser")
	body := func(bytes int) string { return "username=" + strings.Repeat("x", bytes-len("username=")) }
	visitor.want(401, visitor.ask("POST", "/admin/login", body(admin.MaxPublicForm)))
	visitor.want(413, visitor.ask("POST", "/admin/login", body(admin.MaxPublicForm+1)))
	b.want(422, b.ask("POST", "/admin/users/add", body(admin.MaxForm)))
	b.want(413, b.ask("POST", "/admin/users/add", body(admin.MaxForm+1)))
	b.want(413, b.ask("POST", "/admin/users/add", strings.Repeat("a&", admin.MaxValues+1)))
	b.want(400, b.ask("POST", "/admin/users/add", "username=%zz"))
	for _, kind := range []string{"multipart/form-data; boundary=x", "application/json", "text/plain", "", ";"} {
		b.want(415, b.ask("POST", "/admin/users/add", "username=x", "Content-Type: "+kind))
	}
	if n := len(s.recorded()); n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

// TestClientGone: a client that disconnects is not logged as a failure.
func TestClientGone(t *testing.T) {
	s := startSite(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := s.as("viewer")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/admin/", http.NoBody)
	check(t, err)
	request.AddCookie(&http.Cookie{Name: "multiproc_session", Value: b.secret})
	w := httptest.NewRecorder()
	s.admin.ServeHTTP(w, request)
	if w.Code != 499 || s.log.String() != "" {
		t.Errorf("status %d, log %q", w.Code, s.log)
	}
}
