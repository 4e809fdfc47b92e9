package config

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		":8000":                    {Network: "tcp", Address: ":8000"},
		"127.0.0.1:0":              {Network: "tcp", Address: "127.0.0.1:0"},
		"localhost:65535":          {Network: "tcp", Address: "localhost:65535"},
		"[::]:8000":                {Network: "tcp", Address: "[::]:8000"},
		"[fe80::1%eth0]:80":        {Network: "tcp", Address: "[fe80::1%eth0]:80"},
		"/run/a.sock":              {Network: "unix", Address: "/run/a.sock"},
		"/run//a/../b":             {Network: "unix", Address: "/run/b"},
		"a.sock":                   {Network: "unix", Address: "/srv/a.sock"},
		"./a":                      {Network: "unix", Address: "/srv/a"},
		"run/a:b":                  {Network: "unix", Address: "/srv/run/a:b"},
		"@name":                    {Network: "unix", Address: "@name"},
		"@a/b":                     {Network: "unix", Address: "@a/b"},
		"fd://0":                   {Network: "fd"},
		"fd://3":                   {Network: "fd", FD: 3},
		strings.Repeat("/aaa", 26): {Network: "unix", Address: strings.Repeat("/aaa", 26)},
	} {
		got, err := parseAddress(text, "/srv")
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", text, got, err, want)
			continue
		}
		// Its text must mean the same without a directory.
		written, err := got.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back Address
		if err := back.UnmarshalText(written); err != nil || back != got {
			t.Errorf("%s is written %s and read as %+v, %v", text, written, back, err)
		}
	}
	for text, hint := range map[string]string{
		"":                             "missing",
		"8000":                         "use :8000",
		"localhost":                    "HOST:PORT",
		"localhost:":                   "a port from 0",
		":http":                        "a port from 0",
		":-1":                          "a port from 0",
		":65536":                       "a port from 0",
		":08000":                       "a port from 0",
		"::1:8000":                     `use "[::1]:8000"`,
		"::":                           "a port from 0",
		"[127.0.0.1]:80":               "an IPv6",
		"[::1:80":                      "an IPv6",
		"[]:80":                        "an IPv6",
		"[::1]":                        "a port from 0",
		"*:8000":                       "use :8000",
		"a b:80":                       "looked up",
		"bücher:80":                    "looked up",
		"http://127.0.0.1:80":          "scheme",
		"fd://":                        "fd://3",
		"fd://-1":                      "fd://3",
		"fd://x":                       "fd://3",
		"fd://99999999999":             "fd://3",
		"@":                            "@app",
		"/run/":                        "directory",
		"@" + strings.Repeat("a", 107): "107",
		strings.Repeat("/aaa", 27):     "107",
	} {
		if got, err := parseAddress(text, "/srv"); err == nil || !strings.Contains(err.Error(), hint) || got != (Address{}) {
			t.Errorf("%s: %+v, %v; want a fault with %q", text, got, err, hint)
		}
	}
	var a Address
	if err := a.UnmarshalText([]byte("a.sock")); err == nil {
		t.Errorf("a relative path without a directory is %+v", a)
	}
}
