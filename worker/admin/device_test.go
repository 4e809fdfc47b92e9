package admin_test

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"
)

// TestKnownBrowserIsNotLockedOut: who has logged in before does so again while others at the address are locked out.
func TestKnownBrowserIsNotLockedOut(t *testing.T) {
	s := startSite(t)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	known, stranger := &http.Client{Jar: jar, CheckRedirect: stay}, &http.Client{CheckRedirect: stay}
	login := func(browser *http.Client, password string, want int) {
		t.Helper()
		response, err := browser.PostForm(s.server.URL+"/admin/login", url.Values{"username": {"viewer"}, "password": {password}}) //nolint:noctx // the test's own server
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%d, want %d", response.StatusCode, want)
		}
	}
	login(known, password, http.StatusSeeOther)
	for range 5 {
		login(stranger, "wrong horse", http.StatusUnauthorized)
	}
	login(stranger, password, http.StatusTooManyRequests)
	login(known, password, http.StatusSeeOther)
}
