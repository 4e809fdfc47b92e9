package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"multiproc/cmd/internal/config"
)

// TestAllowedHosts names hosts in every way in which a request can, also more than one.
func TestAllowedHosts(t *testing.T) {
	cfg := &config.Config{AllowedHosts: []string{"example.org", ".example.net", "[2001:db8::1]", "127.0.0.1"}, MetricsPath: "/metrics"}
	routes := &routes{cfg: cfg, metrics: http.NotFoundHandler()}
	server := httptest.NewServer(routes.main())
	defer server.Close()
	const ok, refused = http.StatusOK, http.StatusBadRequest
	for head, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: example.org":                                ok,
		"GET / HTTP/1.1\r\nHost: EXAMPLE.org:8000":                           ok,
		"GET / HTTP/1.1\r\nHost: example.org.":                               ok,
		"GET / HTTP/1.1\r\nHost: example.org.:8000":                          ok,
		"GET / HTTP/1.1\r\nHost: 127.0.0.1:80":                               ok,
		"GET / HTTP/1.1\r\nHost: example.net":                                ok,
		"GET / HTTP/1.1\r\nHost: a.b.example.net":                            ok,
		"GET / HTTP/1.1\r\nHost: [2001:db8::1]":                              ok,
		"GET / HTTP/1.1\r\nHost: [2001:DB8:0:0::1]:8000":                     ok,
		"GET http://example.org/ HTTP/1.1\r\nHost: evil.test":                ok, // the URL counts, as RFC 9112 has it
		"GET http://evil.test/ HTTP/1.1\r\nHost: example.org":                refused,
		"GET / HTTP/1.1\r\nHost: evil.test":                                  refused,
		"GET / HTTP/1.1\r\nHost: ":                                           refused,
		"GET / HTTP/1.0":                                                     refused,
		"GET / HTTP/1.1":                                                     refused,
		"GET / HTTP/1.1\r\nHost: a.example.org":                              refused,
		"GET / HTTP/1.1\r\nHost: evilexample.org":                            refused,
		"GET / HTTP/1.1\r\nHost: evilexample.net":                            refused,
		"GET / HTTP/1.1\r\nHost: example.org.evil.test":                      refused,
		"GET / HTTP/1.1\r\nHost: example.org..":                              refused,
		"GET / HTTP/1.1\r\nHost: .example.net":                               refused,
		"GET / HTTP/1.1\r\nHost: evil.test:80:.example.net":                  refused,
		"GET / HTTP/1.1\r\nHost: evil.test/.example.net":                     refused,
		"GET / HTTP/1.1\r\nHost: evil.test:80@.example.net":                  refused,
		"GET / HTTP/1.1\r\nHost: user@example.org":                           refused,
		"GET / HTTP/1.1\r\nHost: example.org:evil.test":                      refused,
		"GET / HTTP/1.1\r\nHost: [example.org]":                              refused,
		"GET / HTTP/1.1\r\nHost: [2001:db8::1":                               refused,
		"GET / HTTP/1.1\r\nHost: [2001:db8::1]evil.test":                     refused,
		"GET / HTTP/1.1\r\nHost: 2001:db8::1":                                refused,
		"GET / HTTP/1.1\r\nHost: [::ffff:127.0.0.1]":                         refused,
		"GET / HTTP/1.1\r\nHost: example.org\r\nHost: evil.test":             refused,
		"GET / HTTP/1.1\r\nHost: evil.test\r\nHost: example.org":             refused,
		"GET / HTTP/1.1\r\nHost: example.org, evil.test":                     refused,
		"GET / HTTP/1.1\r\nHost: evil.test\r\nX-Forwarded-Host: example.org": refused,
		"GET /metrics HTTP/1.1\r\nHost: evil.test":                           refused,
		"GET /livez HTTP/1.1\r\nHost: 10.1.2.3:8000":                         ok, // for load balancers, which request by address
		"GET /readyz HTTP/1.1\r\nHost: evil.test":                            ok,
	} {
		t.Run(fmt.Sprintf("%q", head), func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			check(t, err)
			defer conn.Close()
			if _, err := io.WriteString(conn, head+"\r\nConnection: close\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
			check(t, err)
			defer answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s, want %d", answer.Status, want)
			}
		})
	}
}
