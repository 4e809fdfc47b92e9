package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
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
		t.Errorf("the page does not show the user:\n%s", r.body)
	}
	if r := b.want(303, b.get("/admin/login?next=%2Fadmin%2Ftokens")); r.header.Get("Location") != "/admin/tokens" {
		t.Errorf("with a session, the login redirects to %q", r.header.Get("Location"))
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

// TestLoginTLS: under TLS the cookie has the __Host- prefix and is secure. A header of the client does not count as TLS.
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
		t.Errorf("a cookie without the prefix is accepted: %d", r.status)
	}

	s = startSite(t)
	form := url.Values{"username": {"viewer"}, "password": {password}}.Encode()
	r = s.visitor().ask("POST", "/admin/login", form, "X-Forwarded-Proto: https")
	if c := r.cookies[0]; c.Name != "multiproc_session" || c.Secure {
		t.Errorf("a header makes the cookie %v", c)
	}
}

// TestLoginRotates: a login makes a new secret and ends the session that the browser had before.
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
		t.Errorf("it is not the session of the last login:\n%s", r.body)
	}
	b.secret = first
	if !b.get("/admin/").toLogin() {
		t.Error("the session before is still good")
	}
	b.secret = "mp_chosen-by-an-attacker"
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	if b.secret == "mp_chosen-by-an-attacker" {
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

	// The question for the old password has the same limits.
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
