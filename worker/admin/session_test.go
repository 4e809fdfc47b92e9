package admin_test

import (
	"strings"
	"testing"
	"time"

	"multiproc/store"
	"multiproc/worker/admin"
)

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
			t.Errorf("%s: %d, want a session: %v", test.name, r.status, test.good)
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

// TestSessionOfAllWorkers: a session works in every worker, also after the one that began it has stopped.
func TestSessionOfAllWorkers(t *testing.T) {
	s := startSite(t)
	other := serveSite(t, s.database)
	b := s.visitor()
	b.want(303, b.post("/admin/login", "username", "viewer", "password", password))
	there := other.visitor()
	there.secret = b.secret
	there.want(200, there.get("/admin/"))
	s.server.Close()
	check(t, s.store.Close())
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
