package main

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// TestLoginsThroughProxy logs in through a trusted proxy on a unix socket, and with the same headers by TCP, where anybody
// can send them.
func TestLoginsThroughProxy(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "http")
	s := startAdmin(t, "socket = "+socket+"\ntrusted-proxies = unix\n", "root")
	login := func(by http.RoundTripper, client, password string) reply {
		t.Helper()
		r, err := s.visitBy(by, "/admin/login", "", url.Values{"username": {"root"}, "password": {password}},
			"X-Forwarded-For: 198.51.100.9, "+client, "X-Forwarded-Proto: https")
		check(t, err)
		return r
	}

	proxy := dialingClient("unix", socket, false).Transport
	for range 5 {
		if r := login(proxy, "203.0.113.7", "wrong horse"); r.code != http.StatusUnauthorized {
			t.Errorf("a wrong password: %s", r)
		}
	}
	if r := login(proxy, "203.0.113.7", adminPassword); r.code != http.StatusTooManyRequests {
		t.Errorf("the sixth login from an address: %s", r)
	}
	s.log.Wait(t, s.done, "login failed", "203.0.113.7:0")
	s.log.Wait(t, s.done, "msg=request", "code=429", "203.0.113.7:0")
	r := login(proxy, "203.0.113.8", adminPassword)
	if r.code != http.StatusSeeOther || !r.cookie("__Host-"+sessionCookie).Secure {
		t.Errorf("from another address: %s, %v", r, r.header)
	}
	if hsts := r.header.Get("Strict-Transport-Security"); hsts != "" {
		t.Errorf("without the key hsts: %s", hsts)
	}

	// By TCP neither the address that is locked out nor the scheme is believed.
	r = login(http.DefaultTransport, "203.0.113.7", adminPassword)
	if cookie := r.cookie(sessionCookie); r.code != http.StatusSeeOther || cookie.Value == "" || cookie.Secure {
		t.Errorf("without a proxy: %s, %v", r, r.header)
	}
}
