package admin_test

import (
	"strconv"
	"strings"
	"testing"
)

// TestOwnPassword: changing it needs the old password, and ends all other sessions.
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
		t.Errorf("there is no message:\n%s", r.body)
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

// TestOwnPasswordByNumber: the page for other users does not change the own password.
func TestOwnPasswordByNumber(t *testing.T) {
	s := startSite(t)
	b := s.as("superuser")
	path := "/admin/users/" + strconv.FormatInt(s.user("superuser").ID, 10) + "/password"
	if r := b.want(303, b.get(path)); r.header.Get("Location") != "/admin/password" {
		t.Errorf("sent to %q", r.header.Get("Location"))
	}
	b.want(403, b.post(path, "password", "battery staple", "again", "battery staple"))
}
