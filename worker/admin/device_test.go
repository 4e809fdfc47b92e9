package admin_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
)

// TestKnownBrowserIsNotLockedOut: who has logged in before does so again while others at the address are locked out, and changes
// the password.
func TestKnownBrowserIsNotLockedOut(t *testing.T) {
	s := startSite(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	known, stranger := &http.Client{Jar: jar, CheckRedirect: stay}, &http.Client{CheckRedirect: stay}
	send := func(browser *http.Client, path string, form url.Values, want int) {
		t.Helper()
		response, err := browser.PostForm(s.server.URL+path, form) //nolint:noctx // the test's own server
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, response.StatusCode, want)
		}
	}
	login := func(browser *http.Client, password string, want int) {
		t.Helper()
		send(browser, "/admin/login", url.Values{"username": {"viewer"}, "password": {password}}, want)
	}
	login(known, password, http.StatusSeeOther)
	for range 5 {
		login(stranger, "wrong horse", http.StatusUnauthorized)
	}
	login(stranger, password, http.StatusTooManyRequests)
	login(known, password, http.StatusSeeOther)
	send(known, "/admin/password", url.Values{"old": {password}, "password": {"another good horse"}, "again": {"another good horse"}}, http.StatusSeeOther)
}
