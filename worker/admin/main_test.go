package admin_test

import (
	"database/sql"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	_ "github.com/mattn/go-sqlite3"

	"multiproc/internal/proctest"
	"multiproc/store"
	"multiproc/worker/admin"
)

// password is the password of all users in tests.
const password = "correct horse"

// site is the admin site of a database as a worker serves it, on its own port.
type site struct {
	tb       testing.TB
	database string
	store    *store.Store
	admin    *admin.Admin
	server   *httptest.Server
	log      *proctest.Log
}

// startSite serves a new database that has a user of each role, whose name is that of the role.
func startSite(tb testing.TB, change ...func(*admin.Config)) *site {
	tb.Helper()
	template.once.Do(func() { template.content = newTemplate(tb) })
	database := filepath.Join(tb.TempDir(), "multiproc.db")
	check(tb, os.WriteFile(database, template.content, 0o600))
	return serveSite(tb, database, change...)
}

// template is the database that startSite copies: migrations and passwords take long.
var template struct {
	once    sync.Once
	content []byte
}

func newTemplate(tb testing.TB) []byte {
	tb.Helper()
	database := filepath.Join(tb.TempDir(), "multiproc.db")
	_, _, err := store.Migrate(tb.Context(), database, store.Options{})
	check(tb, err)
	s := serveSite(tb, database)
	for _, role := range []store.Role{store.RoleViewer, store.RoleStaff, store.RoleSuperuser} {
		s.createUsers(store.User{Name: string(role), Role: role, Active: true})
	}
	check(tb, s.store.Close())
	content, err := os.ReadFile(database)
	check(tb, err)
	return content
}

// serveSite serves an existing database with its own Store, as another worker does.
func serveSite(tb testing.TB, database string, change ...func(*admin.Config)) *site {
	tb.Helper()
	s := &site{tb: tb, database: database, log: &proctest.Log{}}
	var err error
	s.store, err = store.Open(tb.Context(), database, store.Options{})
	check(tb, err)
	tb.Cleanup(func() { _ = s.store.Close() }) // again, in some tests
	config := admin.Config{Store: s.store, Logger: slog.New(slog.NewJSONHandler(s.log, nil))}
	for _, change := range change {
		change(&config)
	}
	s.admin, err = admin.New(config)
	check(tb, err)
	mux := http.NewServeMux()
	mux.Handle("/admin/", s.admin)
	s.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = "192.0.2.1:1" // loopback would be the address of many
		mux.ServeHTTP(w, r)
	}))
	tb.Cleanup(s.server.Close)
	return s
}

func (s *site) update(f func(*store.Tx) error) {
	s.tb.Helper()
	check(s.tb, s.store.Update(s.tb.Context(), f))
}

func (s *site) view(f func(*store.Tx) error) {
	s.tb.Helper()
	check(s.tb, s.store.View(s.tb.Context(), f))
}

func (s *site) createUsers(users ...store.User) {
	s.tb.Helper()
	hash, err := s.store.HashPassword(s.tb.Context(), password)
	check(s.tb, err)
	s.update(func(tx *store.Tx) error {
		for _, u := range users {
			if _, err := tx.CreateUser(u, hash); err != nil {
				return err
			}
		}
		return nil
	})
}

// create creates transactions.
func (s *site) create(transactions ...store.Transaction) {
	s.tb.Helper()
	s.update(func(tx *store.Tx) error {
		for _, t := range transactions {
			if _, err := tx.CreateTransaction(t); err != nil {
				return err
			}
		}
		return nil
	})
}

// transaction returns the transaction with an id.
func (s *site) transaction(id int64) (t store.Transaction) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) (err error) {
		t, err = tx.Transaction(id)
		return err
	})
	return t
}

// transactions returns the number of transactions.
func (s *site) transactions() (n int64) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) (err error) {
		n, err = tx.CountTransactions(store.TransactionFilter{})
		return err
	})
	return n
}

func (s *site) user(name string) (u store.User) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) (err error) {
		u, err = tx.UserByName(name)
		return err
	})
	return u
}

// exec changes the database as another program does.
func (s *site) exec(statement string, args ...any) {
	s.tb.Helper()
	db, err := sql.Open("sqlite3", s.database+"?_busy_timeout=10000")
	check(s.tb, err)
	defer db.Close()
	if _, err := db.ExecContext(s.tb.Context(), statement, args...); err != nil {
		s.tb.Fatalf("%s: %v", statement, err)
	}
}

// recorded returns the entries of the audit log, the newest first: actor, action, kind, object, changes.
func (s *site) recorded() (lines []string) {
	s.tb.Helper()
	s.view(func(tx *store.Tx) error {
		entries, err := tx.Entries(store.EntryQuery{})
		for _, e := range entries.Items {
			lines = append(lines, strings.Join([]string{e.Actor, string(e.Action), string(e.Kind), e.Object, string(e.Changes)}, " "))
		}
		return err
	})
	return lines
}

// browser is a browser with the cookies of the site. It follows no redirects.
type browser struct {
	*site
	client *http.Client

	mu      sync.Mutex // guards the cookies while several goroutines send
	secret  string     // of its session; empty: none
	message string     // the cookie with the message for the next page; empty: none
}

// visitor returns a browser without a session.
func (s *site) visitor() *browser {
	client := *s.server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &browser{site: s, client: &client}
}

// as returns a browser with a session of a user, or without one if the name is empty.
func (s *site) as(name string) *browser {
	s.tb.Helper()
	b := s.visitor()
	if name != "" {
		user := s.user(name)
		s.update(func(tx *store.Tx) (err error) {
			_, b.secret, err = tx.CreateSession(user.ID)
			return err
		})
	}
	return b
}

// reply is the response to a request.
type reply struct {
	status  int
	header  http.Header
	cookies []*http.Cookie
	body    string
}

// toLogin reports whether the reply redirects to the login.
func (r reply) toLogin() bool {
	path, _, _ := strings.Cut(r.header.Get("Location"), "?")
	return r.status == http.StatusSeeOther && path == "/admin/login"
}

// shows reports whether a page shows a text, escaped where it must be.
func (r reply) shows(text string) bool {
	return strings.Contains(lines(html.UnescapeString(r.body)), lines(text)) &&
		(!strings.ContainsAny(text, `<>"'&`) || !strings.Contains(r.body, text))
}

// lines returns a text with Unix line ends.
func lines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// ask sends a request with headers "Name: value". Every reply must have the protecting headers.
func (b *browser) ask(method, path, body string, headers ...string) reply {
	b.tb.Helper()
	request, err := http.NewRequestWithContext(b.tb.Context(), method, b.server.URL+path, strings.NewReader(body))
	check(b.tb, err)
	b.mu.Lock()
	if b.secret != "" {
		request.AddCookie(&http.Cookie{Name: b.cookieName(), Value: b.secret})
	}
	if b.message != "" {
		request.AddCookie(&http.Cookie{Name: "multiproc_message", Value: b.message})
	}
	b.mu.Unlock()
	if body != "" || method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", b.server.URL)
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	response, err := b.client.Do(request)
	if err != nil {
		b.tb.Fatalf("%s %s: %v", method, path, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.tb.Fatalf("%s %s: %v", method, path, err)
	}
	r := reply{response.StatusCode, response.Header, response.Cookies(), string(text)}
	b.checkProtected(method+" "+path, r)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range r.cookies {
		switch c.Name {
		case b.cookieName():
			b.secret = c.Value
		case "multiproc_message":
			b.message = c.Value
		}
	}
	return r
}

func (b *browser) cookieName() string {
	if b.server.TLS != nil {
		return "__Host-multiproc_session"
	}
	return "multiproc_session"
}

func (b *browser) checkProtected(what string, r reply) {
	b.tb.Helper()
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; " +
			"base-uri 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
		"Cache-Control":                "no-store",
	} {
		if got := r.header.Get(name); got != want && (name != "Cache-Control" || !strings.Contains(what, "/assets/")) {
			b.tb.Errorf("%s: %s: %q", what, name, got)
		}
	}
	if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
		return
	}
	if strings.Contains(r.body, "<style") || strings.Contains(r.body, " style=") || strings.Contains(r.body, "<script>") {
		b.tb.Errorf("%s: the page has inline styles or scripts:\n%s", what, r.body)
	}
}

func (b *browser) get(path string) reply {
	b.tb.Helper()
	return b.ask("GET", path, "")
}

// post sends a form: names and values by turns.
func (b *browser) post(path string, values ...string) reply {
	b.tb.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Add(values[i], values[i+1])
	}
	return b.ask("POST", path, form.Encode())
}

// save sends the form of a page as it is now with these values.
func (b *browser) save(path string, values ...string) reply {
	b.tb.Helper()
	return b.post(path, append(values, "version", versionIn(b.get(path).body))...)
}

// versionIn returns the version in the form of a page.
func versionIn(page string) string {
	match := regexp.MustCompile(`name="version" value="([^"]*)"`).FindStringSubmatch(page)
	if match == nil {
		return ""
	}
	return match[1]
}

// want fails the test if a reply has another status.
func (b *browser) want(status int, r reply) reply {
	b.tb.Helper()
	if r.status != status {
		b.tb.Fatalf("status %d, want %d: %s\n%s", r.status, status, r.body, b.log)
	}
	return r
}

// serve answers a request of the browser by a handler.
func (b *browser) serve(h http.Handler) reply {
	b.tb.Helper()
	request := httptest.NewRequestWithContext(b.tb.Context(), http.MethodGet, "/admin/x", http.NoBody)
	if b.secret != "" {
		request.AddCookie(&http.Cookie{Name: b.cookieName(), Value: b.secret})
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	r := reply{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	b.checkProtected("GET /admin/x", r)
	return r
}

// check fails the test if there is an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
