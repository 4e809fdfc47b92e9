package main

import (
	"crypto/tls"
	"net/http"
	"path/filepath"
	"testing"
)

// TestHSTS: all answers over HTTPS have Strict-Transport-Security, and no others. For a client of a trusted proxy, X-Forwarded-Proto decides.
func TestHSTS(t *testing.T) {
	t.Parallel()
	header := func(by http.RoundTripper, url string, headers http.Header) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		check(t, err)
		request.Header = headers
		response, err := by.RoundTrip(request)
		check(t, err)
		check(t, response.Body.Close())
		return response.Header.Get("Strict-Transport-Security")
	}
	dir := t.TempDir()
	valid(t, 1).put(t, dir)
	s := startServer(t, httpsINI+"allowed-hosts = 127.0.0.1\nhsts = 31536000, includeSubDomains, preload\n", in(dir))
	over := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // the certificate is self-signed
	defer over.CloseIdleConnections()
	for _, path := range []string{"/", "/livez", "/metrics", "/nothing", "//"} {
		if got := header(over, "https://"+s.address+path, http.Header{}); got != "max-age=31536000; includeSubDomains; preload" {
			t.Errorf("%s over HTTPS: %q", path, got)
		}
	}

	socket := filepath.Join(t.TempDir(), "http")
	s = startServer(t, "socket = 127.0.0.1:0\nsocket = "+socket+"\ntrusted-proxies = unix\nhsts = 0\n")
	proxy := dialingClient("unix", socket, false).Transport
	for _, test := range []struct {
		by   http.RoundTripper
		said []string // X-Forwarded-Proto
		want string
	}{
		{proxy, []string{"https"}, "max-age=0"},
		{proxy, []string{"HTTPS"}, "max-age=0"},
		{proxy, []string{"http"}, ""},
		{proxy, []string{"https, http"}, ""},
		{proxy, []string{"https", "http"}, ""},
		{proxy, nil, ""},
		{http.DefaultTransport, []string{"https"}, ""}, // which anybody can claim
	} {
		if got := header(test.by, "http://"+s.address+"/", http.Header{"X-Forwarded-Proto": test.said}); got != test.want {
			t.Errorf("X-Forwarded-Proto %q: %q, want %q", test.said, got, test.want)
		}
	}
}
