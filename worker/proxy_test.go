package worker_test

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"multiproc/worker"
)

// TestTrustedProxies sends requests as a trusted proxy does, and checks the address of the client.
func TestTrustedProxies(t *testing.T) {
	w := start(t, worker.Config{TrustedProxies: proxies("127.0.0.0/8", "10.0.0.0/8", "fd00::/8")}, http.HandlerFunc(echoClient))
	c := w.dial()
	peer := "the connection's"
	for _, test := range []struct{ headers, want string }{
		{"", peer},
		{"203.0.113.7", "203.0.113.7:0"},
		{" \t203.0.113.7 \t", "203.0.113.7:0"},
		{"203.0.113.7:49152", "203.0.113.7:49152"},
		{"2001:db8::7", "[2001:db8::7]:0"},
		{"[2001:DB8::7]", "[2001:db8::7]:0"},
		{"[2001:db8::7]:443", "[2001:db8::7]:443"},
		{"::ffff:203.0.113.7", "203.0.113.7:0"},

		// The client's own claims come before its address.
		{"198.51.100.1, 203.0.113.7", "203.0.113.7:0"},
		{"<script>, 203.0.113.7", "203.0.113.7:0"},
		{"10.0.0.1, 203.0.113.7", "203.0.113.7:0"},
		{"198.51.100.1|203.0.113.7", "203.0.113.7:0"}, // on a line of its own
		{"203.0.113.7|", "203.0.113.7:0"},
		{", 203.0.113.7,,", "203.0.113.7:0"},

		// A chain of trusted proxies.
		{"203.0.113.7, 10.0.0.2", "203.0.113.7:0"},
		{"198.51.100.1, 203.0.113.7, 10.0.0.3, 10.0.0.2:80", "203.0.113.7:0"},
		{"198.51.100.1, 203.0.113.7|fd00::1%eth0, ::ffff:10.0.0.2", "203.0.113.7:0"},
		{"10.0.0.3, 10.0.0.2", "10.0.0.3:0"},

		// Values that no trusted proxy sends.
		{"unknown", peer},
		{"203.0.113.7, unknown", peer},
		{"203.0.113.7, _hidden, 10.0.0.2", peer},
		{"203.0.113.7:port", peer},
		{"203.0.113.256", peer},
		{"203.0.113.7 10.0.0.2", peer},
		{"[203.0.113.7]", peer},
		{"[2001:db8::7", peer},
		{"2001:db8::7]:443", peer},
		{"\"203.0.113.7\"", peer},
		{",", peer},
	} {
		r := c.proxied("X-Forwarded-For", test.headers)
		want := test.want
		if want == peer {
			want = c.LocalAddr().String()
		}
		if got, _, _ := strings.Cut(readAll(t, r), " "); got != want {
			t.Errorf("%q: %s, want %s", test.headers, got, want)
		}
	}
}

// TestUntrustedProxies checks that headers of other peers have no effect.
func TestUntrustedProxies(t *testing.T) {
	others := proxies("10.0.0.0/8", "203.0.113.7/32", "::1/128")
	others.Unix = true
	for _, trusted := range []worker.TrustedProxies{{}, others} {
		c := start(t, worker.Config{TrustedProxies: trusted}, http.HandlerFunc(echoClient)).dial()
		for _, header := range []string{"X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 10.0.0.1", "X-Forwarded-Proto: https"} {
			name, value, _ := strings.Cut(header, ": ")
			want := fmt.Sprint(c.LocalAddr(), " ", testedOverTLS())
			if got := readAll(t, c.proxied(name, value)); got != want {
				t.Errorf("%s: %q, want %q", header, got, want)
			}
		}
	}
}

// TestProxiesOnUnixSockets has peers without an address, which are trusted together or not at all.
func TestProxiesOnUnixSockets(t *testing.T) {
	for trusted, want := range map[bool]string{true: "203.0.113.7:0", false: "@"} {
		l := listenOn(t, "unix")
		w := startOn(t, l, worker.Config{TrustedProxies: worker.TrustedProxies{Unix: trusted}}, http.HandlerFunc(echoClient))
		c := w.dial()
		if got, _, _ := strings.Cut(readAll(t, c.proxied("X-Forwarded-For", "198.51.100.1, 203.0.113.7")), " "); got != want {
			t.Errorf("trusted: %v: %s, want %s", trusted, got, want)
		}
	}
}

// TestProxiesOnBothFamilies has a socket for IPv6 and IPv4, on which the addresses of IPv4 are mapped into IPv6.
func TestProxiesOnBothFamilies(t *testing.T) {
	w := startOn(t, listen(t, "tcp", ":0"), worker.Config{TrustedProxies: proxies("127.0.0.1/32")}, http.HandlerFunc(echoClient))
	w.addr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: w.addr.(*net.TCPAddr).Port}
	if got, _, _ := strings.Cut(readAll(t, w.dial().proxied("X-Forwarded-For", "203.0.113.7")), " "); got != "203.0.113.7:0" {
		t.Error(got)
	}
}

// TestSecure checks X-Forwarded-Proto of a trusted proxy.
func TestSecure(t *testing.T) {
	w := start(t, worker.Config{TrustedProxies: proxies("127.0.0.1/32")}, http.HandlerFunc(echoClient))
	c := w.dial()
	for headers, secure := range map[string]bool{
		"https": true, "HTTPS": true, "https, https|https": true,
		"": false, "http": false, "https, http": false, "http|https": false, "https|http": false, "https,": false, "httpss": false,
	} {
		if _, got, _ := strings.Cut(readAll(t, c.proxied("X-Forwarded-Proto", headers)), " "); got != fmt.Sprint(secure || testedOverTLS()) {
			t.Errorf("%q: %s", headers, got)
		}
	}
	if worker.Secure(&http.Request{Header: http.Header{"X-Forwarded-Proto": {"https"}}}) {
		t.Error("a header counts outside a worker")
	}
}

func proxies(networks ...string) (p worker.TrustedProxies) {
	for _, network := range networks {
		p.Networks = append(p.Networks, netip.MustParsePrefix(network))
	}
	return p
}

// echoClient answers with the address of the client, and whether it is secure.
func echoClient(w http.ResponseWriter, r *http.Request) {
	fmt.Fprint(w, r.RemoteAddr, " ", worker.Secure(r))
}

// proxied sends a request with lines of one header, separated by bars.
func (c *client) proxied(name, lines string) answer {
	c.t.Helper()
	head := "GET / HTTP/1.1\r\nHost: test\r\n"
	if lines != "" {
		for line := range strings.SplitSeq(lines, "|") {
			head += name + ": " + line + "\r\n"
		}
	}
	c.send(head + "\r\n")
	return c.answer()
}
