package main

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoginsThroughProxy logs in through a trusted proxy on a unix socket, and with the same headers by TCP, where anybody
// can send them.
func TestLoginsThroughProxy(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "http")
	s := startAdmin(t, "socket = "+socket+"\ntrusted-proxies = unix\n", "root")
	proxy := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	login := func(by http.RoundTripper, client, password string) (int, *http.Cookie) {
		t.Helper()
		form := url.Values{"username": {"root"}, "password": {password}}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url("/admin/login"), strings.NewReader(form.Encode()))
		check(t, err)
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("X-Forwarded-For", "198.51.100.9, "+client)
		request.Header.Set("X-Forwarded-Proto", "https")
		response, err := by.RoundTrip(request)
		check(t, err)
		defer response.Body.Close()
		for _, c := range response.Cookies() {
			if strings.HasSuffix(c.Name, sessionCookie) {
				return response.StatusCode, c
			}
		}
		return response.StatusCode, nil
	}

	for range 5 {
		if code, _ := login(proxy, "203.0.113.7", "wrong horse"); code != http.StatusUnauthorized {
			t.Errorf("a wrong password: %d", code)
		}
	}
	if code, _ := login(proxy, "203.0.113.7", adminPassword); code != http.StatusTooManyRequests {
		t.Errorf("the sixth login from an address: %d", code)
	}
	s.log.Wait(t, s.done, "login failed", "203.0.113.7:0")
	s.log.Wait(t, s.done, "msg=request", "code=429", "203.0.113.7:0")
	code, cookie := login(proxy, "203.0.113.8", adminPassword)
	if code != http.StatusSeeOther || cookie == nil || !cookie.Secure || cookie.Name != "__Host-"+sessionCookie {
		t.Errorf("from another address: %d, %v", code, cookie)
	}

	// By TCP neither the address that is locked out nor the scheme is believed.
	code, cookie = login(&http.Transport{DisableKeepAlives: true}, "203.0.113.7", adminPassword)
	if code != http.StatusSeeOther || cookie == nil || cookie.Secure || cookie.Name != sessionCookie {
		t.Errorf("without a proxy: %d, %v", code, cookie)
	}
}
