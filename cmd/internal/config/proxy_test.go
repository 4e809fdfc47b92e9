package config

import (
	"strings"
	"testing"
)

// TestProxies parses lists of proxies and compares the text that comes back.
func TestProxies(t *testing.T) {
	for text, want := range map[string]string{
		"":                            "",
		"unix":                        "unix",
		"10.0.0.1":                    "10.0.0.1",
		"10.0.0.0/8, unix,2001:DB8::": "10.0.0.0/8 unix 2001:db8::",
		"10.0.0.1/32, ::1/128":        "10.0.0.1 ::1",
		"::ffff:10.0.0.1":             "10.0.0.1",
		"fd00::/8":                    "fd00::/8",
	} {
		var parsed []Proxy
		list := proxies(&parsed)
		if err := list.set(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		got := strings.Join(list.texts(), " ")
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
		for _, p := range parsed {
			var again Proxy
			if err := again.UnmarshalText([]byte(p.String())); err != nil || again != p {
				t.Errorf("%v is %v when it is read again, %v", p, again, err)
			}
		}
	}
	for text, hint := range map[string]string{
		"*":                   "every client",
		"0.0.0.0/0":           "every client",
		"::/0":                "every client",
		"proxy.example.org":   "not a proxy",
		"10.0.0.1:80":         "not a proxy",
		"[::1]":               "not a proxy",
		"fe80::1%eth0":        "not a proxy",
		"UNIX":                "not a proxy",
		"10.0.0.0/33":         "not a network",
		"10.0.0.0/":           "not a network",
		"10.0.0.1/8":          "use 10.0.0.0/8 or 10.0.0.1",
		"::ffff:10.0.0.0/104": "as IPv4",
		"10.0.0.1,":           "missing",
		"10.0.0.1 10.0.0.2":   "not a proxy",
	} {
		var parsed []Proxy
		if err := proxies(&parsed).set(text); err == nil || !strings.Contains(err.Error(), hint) || len(parsed) > 0 {
			t.Errorf("%q is %v, %v; want an error with %q", text, parsed, err, hint)
		}
	}
}
