package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"multiproc/store"
	"multiproc/worker/admin"
)

// TestLogin: a login gives a session, which a logout ends.
func TestLogin(t *testing.T) {
	s := startSite(t)
	b := s.visitor()
	if r := b.get("/admin/users?after=x"); r.header.Get("Location") != "/admin/login?next=%2Fadmin%2Fusers%3Fafter%3Dx" {
		t.Errorf("asked to log in at %q", r.header.Get("Location"))
	}
	page := b.want(200, b.get("/admin/login?next=%2Fadmin%2Fusers"))
	for _, part := range []string{`autocomplete="username"`, `autocomplete="current-password"`, `<label for="id-password">`} {
		if !strings.Contains(page.body, part) {
			t.Errorf("the page lacks %s:\n%s", part, page.body)
		}
	}
	for _, wrong := range [][]string{
		{"username", "superuser", "password", "wrong horse"},
		{"username", "nobody", "password", password},
		{"username", "superuser"},
		{},
	} {
		r := b.want(401, b.post("/admin/login", wrong...))
		if !r.shows("Wrong user name or password.") || len(r.cookies) > 0 || strings.Contains(r.body, "wrong horse") {
			t.Errorf("%q: cookies %v\n%s", wrong, r.cookies, r.body)
		}
	}
	r := b.want(303, b.post("/admin/login?next=%2Fadmin%2Fusers", "username", "SuperUser", "password", password))
	if r.header.Get("Location") != "/admin/users" || len(r.cookies) != 1 {
		t.Fatalf("to %q, cookies %v", r.header.Get("Location"), r.cookies)
	}
	c := r.cookies[0]
	if c.Name != "multiproc_session" || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
		t.Errorf("the cookie is %v", c)
	}
	if r := b.want(200, b.get("/admin/users")); !r.shows("superuser") {
		t.Errorf("the page does not say who has logged in:\n%s", r.body)
	}
	if r := b.want(303, b.get("/admin/login?next=%2Fadmin%2Ftokens")); r.header.Get("Location") != "/admin/tokens" {
		t.Errorf("who has logged in is sent to %q", r.header.Get("Location"))
	}
	old := b.secret
	r = b.want(303, b.post("/admin/logout"))
	if !r.toLogin() || len(r.cookies) != 1 || r.cookies[0].MaxAge != -1 {
		t.Errorf("logout: to %q, cookies %v", r.header.Get("Location"), r.cookies)
	}
	b.secret = old
	if !b.get("/admin/users").toLogin() {
		t.Error("the session is still good after the logout")
	}
	want := []string{"superuser logout user superuser {}", "superuser login user superuser {}"}
	if got := s.recorded(); !slices.Equal(got, want) {
		t.Errorf("recorded: %q, want %q", got, want)
	}
}

// TestLoginTLS: under TLS the cookie is one that nobody else can have set, and that does not leave TLS. A header does not say
// that there is TLS.
func TestLoginTLS(t *testing.T) {
	s := startSite(t)
	s.server.Close()
	s.server = httptest.NewTLSServer(s.admin)
	t.Cleanup(s.server.Close)
	b := s.visitor()
	r := b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	c := r.cookies[0]
	if c.Name != "__Host-multiproc_session" || !c.Secure || !c.HttpOnly || c.Path != "/" || c.Domain != "" {
		t.Errorf("the cookie is %v", c)
	}
	b.want(200, b.get("/admin/"))
	plain := s.as("viewer")
	if r := plain.ask("GET", "/admin/", "", "Cookie: multiproc_session="+plain.secret); !r.toLogin() {
		t.Errorf("a cookie that anybody can have set is taken: %d", r.status)
	}

	s = startSite(t)
	form := url.Values{"username": {"viewer"}, "password": {password}}.Encode()
	r = s.visitor().ask("POST", "/admin/login", form, "X-Forwarded-Proto: https")
	if c := r.cookies[0]; c.Name != "multiproc_session" || c.Secure {
		t.Errorf("a header makes the cookie %v", c)
	}
}

// TestLoginRotates: a login gives another secret, and ends the session that the browser had before.
func TestLoginRotates(t *testing.T) {
	s := startSite(t)
	b := s.visitor()
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	first := b.secret
	b.want(303, b.post("/admin/login", "username", "staff", "password", password))
	if b.secret == first {
		t.Error("the secret is the same")
	}
	if r := b.get("/admin/"); !r.shows("staff") {
		t.Errorf("it is not the session of who has logged in last:\n%s", r.body)
	}
	b.secret = first
	if !b.get("/admin/").toLogin() {
		t.Error("the session before is still good")
	}
	b.secret = "mp_chosen-by-somebody-else"
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	if b.secret == "mp_chosen-by-somebody-else" {
		t.Error("the secret is that which the browser had")
	}
}

// TestLoginLimits: after too many failures the answer says when to try again, whatever the password.
func TestLoginLimits(t *testing.T) {
	s := startSite(t)
	b := s.visitor()
	for range 5 {
		b.want(401, b.post("/admin/login", "username", "staff", "password", "wrong horse"))
	}
	for _, password := range []string{"wrong horse", password} {
		r := b.want(429, b.post("/admin/login", "username", "staff", "password", password))
		if after, _ := strconv.Atoi(r.header.Get("Retry-After")); after < 60*14 || after > 60*15 || !r.shows("Too many failed logins. Try again in 15 minutes.") {
			t.Errorf("Retry-After: %d\n%s", after, r.body)
		}
	}
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))

	// To ask who is logged in for the password is no way around it.
	b = s.as("superuser")
	change := []string{"old", "wrong horse", "password", "battery staple", "again", "battery staple"}
	for range 5 {
		b.want(422, b.post("/admin/password", change...))
	}
	change[1] = password
	if r := b.want(429, b.post("/admin/password", change...)); r.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
}

// TestSessionEnds with what it was begun by.
func TestSessionEnds(t *testing.T) {
	for name, end := range map[string]func(*site, store.User, *store.Tx) error{
		"a password": func(s *site, u store.User, tx *store.Tx) error {
			hash, err := s.store.HashPassword(s.tb.Context(), "battery staple")
			if err != nil {
				return err
			}
			return tx.SetPassword(u.ID, hash)
		},
		"a deactivation": func(_ *site, u store.User, tx *store.Tx) error { u.Active = false; return tx.UpdateUser(u) },
		"another role":   func(_ *site, u store.User, tx *store.Tx) error { u.Role = store.RoleViewer; return tx.UpdateUser(u) },
		"a higher role":  func(_ *site, u store.User, tx *store.Tx) error { u.Role = store.RoleSuperuser; return tx.UpdateUser(u) },
		"the end":        func(_ *site, u store.User, tx *store.Tx) error { return tx.DeleteUser(u.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			s := startSite(t)
			b, other := s.as("staff"), s.as("viewer")
			b.want(200, b.get("/admin/"))
			s.update(func(tx *store.Tx) error { return end(s, s.user("staff"), tx) })
			if !b.get("/admin/").toLogin() {
				t.Error("the session goes on")
			}
			other.want(200, other.get("/admin/"))
		})
	}
}

// TestSessionTimes: a session ends some time after its last change, and some time after its login. A page that only reads does
// not record its use, and a change does at most once a minute.
func TestSessionTimes(t *testing.T) {
	s := startSite(t)
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).UnixMicro() }
	for _, test := range []struct {
		name          string
		created, seen time.Duration
		good          bool
	}{
		{"not quite idle", time.Hour * 3, admin.SessionIdle - time.Minute, true},
		{"idle", time.Hour * 3, admin.SessionIdle + time.Second, false},
		{"not quite old", admin.SessionAbsolute - time.Minute, 0, true},
		{"old", admin.SessionAbsolute + time.Second, 0, false},
	} {
		b := s.as("viewer")
		s.exec("UPDATE sessions SET created = ?, seen = ? WHERE id = (SELECT max(id) FROM sessions)", ago(test.created), ago(test.seen))
		if r := b.get("/admin/"); (r.status == 200) != test.good || r.toLogin() == test.good {
			t.Errorf("%s: %d, want a good one: %v", test.name, r.status, test.good)
		}
	}
	b := s.as("staff")
	for _, test := range []struct {
		seen    time.Duration
		use     func()
		touched bool
	}{
		{2 * time.Minute, func() { b.want(200, b.get("/admin/transactions")) }, false},
		{30 * time.Second, func() { b.want(303, b.post("/admin/statuses/add", "name", "a")) }, false},
		{2 * time.Minute, func() { b.want(303, b.post("/admin/statuses/add", "name", "b")) }, true},
	} {
		s.exec("UPDATE sessions SET seen = ?", ago(test.seen))
		test.use()
		var seen time.Time
		s.view(func(tx *store.Tx) error {
			session, err := tx.SessionBySecret(b.secret, admin.SessionIdle, admin.SessionAbsolute)
			seen = session.Seen
			return err
		})
		if got := time.Since(seen) < test.seen; got != test.touched {
			t.Errorf("last used %s ago: recorded: %v, want %v", test.seen, got, test.touched)
		}
	}
}

// TestMessage: a message is shown once, to the session that it is for, and only as the site has sent it.
func TestMessage(t *testing.T) {
	s := startSite(t)
	b := s.as("staff")
	leave := func(name string) string {
		t.Helper()
		b.want(303, b.post("/admin/statuses/add", "name", name))
		return "The status “" + name + "” was added."
	}
	text := leave("<b>")
	cookie := b.message
	if r := b.want(200, b.get("/admin/")); !r.shows(text) || b.message != "" {
		t.Errorf("the message is not shown, or its cookie stays:\n%s", r.body)
	}
	if r := b.want(200, b.get("/admin/")); r.shows(text) {
		t.Error("the message is shown twice")
	}
	for name, wrong := range map[string]struct {
		of      *browser
		message string
	}{
		"another session": {s.as("viewer"), cookie},
		"changed":         {b, cookie[:len(cookie)-1] + "A"},
		"short":           {b, "AAAA"},
		"no base64":       {b, "!"},
	} {
		wrong.of.message = wrong.message
		if r := wrong.of.want(200, wrong.of.get("/admin/")); r.shows("was added") || wrong.of.message != "" {
			t.Errorf("%s: the message is shown, or its cookie stays", name)
		}
	}
}

// TestSessionOfAllWorkers: what one worker begins, another one goes on with, and ends; also when the first is gone.
func TestSessionOfAllWorkers(t *testing.T) {
	s := startSite(t)
	other := serveSite(t, s.database)
	b := s.visitor()
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	there := other.visitor()
	there.secret = b.secret
	there.want(200, there.get("/admin/"))
	s.server.Close()
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	there.want(200, there.get("/admin/"))
	third := serveSite(t, s.database).visitor()
	third.secret = b.secret
	there.want(303, there.post("/admin/logout"))
	if !third.get("/admin/").toLogin() {
		t.Error("the session goes on in another worker")
	}
}

func TestOwnPath(t *testing.T) {
	for next, want := range map[string]string{
		"/admin/users":                        "/admin/users",
		"/admin/users?after=x&q=a%20b":        "/admin/users?after=x&q=a%20b",
		"/admin/":                             "/admin/",
		"":                                    "/admin/",
		"/":                                   "/admin/",
		"/api/v1/apis":                        "/admin/",
		"/adminx":                             "/admin/",
		"//evil.example":                      "/admin/",
		"//evil.example/admin/":               "/admin/",
		"https://evil.example/admin/":         "/admin/",
		"javascript:alert(1)":                 "/admin/",
		`/\evil.example`:                      "/admin/",
		`/admin/\..\..\\evil.example`:         "/admin/",
		"/admin/\t/evil.example":              "/admin/",
		"/admin/\r\nSet-Cookie: x=y":          "/admin/",
		"/admin/\x00":                         "/admin/",
		"/admin/%zz":                          "/admin/",
		"/admin/#x":                           "/admin/",
		"/admin/" + strings.Repeat("a", 3000): "/admin/",
		"/admin/..//evil.example":             "/admin/",
		"/admin/%2e%2e//evil.example":         "/admin/",
		"/admin/login?next=/admin/":           "/admin/",
	} {
		if got := admin.OwnPath(next); got != want {
			t.Errorf("%q: %q, want %q", next, got, want)
		}
	}
}

// TestOwnPassword: it is changed by who knows the old one, and other sessions end, but not the one in which it was done.
func TestOwnPassword(t *testing.T) {
	s := startSite(t)
	b, elsewhere := s.as("viewer"), s.as("viewer")
	first := b.secret
	for problem, form := range map[string][]string{
		"is not your password":        {"old", "wrong horse", "password", "battery staple", "again", "battery staple"},
		"Passwords do not match.":     {"old", password, "password", "battery staple", "again", "battery stable"},
		"has fewer than 8 characters": {"old", password, "password", "battery", "again", "battery"},
		"has more than 1024 bytes":    {"old", password, "password", strings.Repeat("x", 1025), "again", strings.Repeat("x", 1025)},
	} {
		if r := b.want(422, b.post("/admin/password", form...)); !r.shows(problem) || strings.Contains(r.body, "battery") {
			t.Errorf("want %q:\n%s", problem, r.body)
		}
	}
	b.want(303, b.post("/admin/password", "old", password, "password", "battery staple", "again", "battery staple"))
	if b.secret == first || b.secret == "" {
		t.Errorf("the secret was not changed")
	}
	if r := b.want(200, b.get("/admin/")); !r.shows("Your password was changed.") {
		t.Errorf("nothing says that it was changed:\n%s", r.body)
	}
	if r := b.want(200, b.get("/admin/")); r.shows("Your password was changed.") {
		t.Error("the message is shown twice")
	}
	for _, secret := range []string{first, elsewhere.secret} {
		elsewhere.secret = secret
		if !elsewhere.get("/admin/").toLogin() {
			t.Error("a session that was begun with the old password goes on")
		}
	}
	visitor := s.visitor()
	visitor.want(401, visitor.post("/admin/login", "username", "viewer", "password", password))
	visitor.want(303, visitor.post("/admin/login", "username", "viewer", "password", "battery staple"))
	if got := s.recorded()[1]; got != `viewer change user viewer {"password":["",""]}` {
		t.Errorf("recorded: %s", got)
	}
}
