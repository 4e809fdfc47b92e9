package config

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]Address{
		":8000":                    {Network: "tcp", Address: ":8000"},
		"127.0.0.1:0":              {Network: "tcp", Address: "127.0.0.1:0"},
		"unix:8000":                {Network: "tcp", Address: "unix:8000"},
		"http:80":                  {Network: "tcp", Address: "http:80"},
		"4host:80":                 {Network: "tcp", Address: "4host:80"},
		"localhost:65535":          {Network: "tcp", Address: "localhost:65535"},
		"[::]:8000":                {Network: "tcp", Address: "[::]:8000"},
		"[fe80::1%eth0]:80":        {Network: "tcp", Address: "[fe80::1%eth0]:80"},
		"/run/a.sock":              {Network: "unix", Address: "/run/a.sock"},
		"/run//a/../b":             {Network: "unix", Address: "/run/b"},
		"a.sock":                   {Network: "unix", Address: "/srv/a.sock"},
		"./a":                      {Network: "unix", Address: "/srv/a"},
		"./run/a:b":                {Network: "unix", Address: "/srv/run/a:b"},
		"../a:b":                   {Network: "unix", Address: "/a:b"},
		"@name":                    {Network: "unix", Address: "@name"},
		"@a/b":                     {Network: "unix", Address: "@a/b"},
		"fd://0":                   {Network: "fd"},
		"fd://3":                   {Network: "fd", FD: 3},
		"fd://http":                {Network: "fd", Address: "http"},
		"fd://web-2.socket":        {Network: "fd", Address: "web-2.socket"},
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
		"192.168.1.*:8000":             "the address of one",
		"run/a:b":                      `"./run/a:b" for a path`,
		":80/tcp":                      "HOST:PORT and nothing else",
		"10.0.0.0/8:80":                "HOST:PORT and nothing else",
		"localhost:80/app":             "HOST:PORT and nothing else",
		"127.0.0.1:80 127.0.0.1:81":    "a line for each",
		"::1":                          "use [::1]:PORT",
		"fe80::1":                      "use [fe80::1]:PORT",
		"~/a.sock":                     "$(HOME)",
		"unix:/run/a.sock":             `leave out the scheme: "/run/a.sock"`,
		"unix:///run/a.sock":           `leave out the scheme: "/run/a.sock"`,
		"unix:a.sock":                  `leave out the scheme: "a.sock"`,
		"unix:@a":                      `leave out the scheme: "@a"`,
		"tcp://127.0.0.1:80":           `leave out the scheme: "127.0.0.1:80"`,
		"tcp:[::1]:80":                 `leave out the scheme: "[::1]:80"`,
		"http://localhost:80/app":      `leave out the scheme: "localhost:80"`,
		"http://localhost":             "as in :8000",
		"https://:443":                 "tls-cert",
		"udp://:53":                    `leave out the scheme: ":53"`,
		"=0":                           "shared socket",
		`\0app`:                        `use "@app"`,
		":8000-8010":                   "a line for each",
		"127.0.0.1:8000,127.0.0.1:80":  "a line for each",
		"0:80":                         "four numbers",
		"127.1:80":                     "four numbers",
		"256.0.0.1:80":                 "four numbers",
		"0x7f.1:80":                    "four numbers",
		"a b:80":                       "looked up",
		"bücher:80":                    "looked up",
		"fd://":                        "fd://3",
		"fd://-1":                      "fd://3",
		"unix:unix:/run/a.sock":        "as in :8000",
		"fd://a b":                     "FileDescriptorName=",
		"fd://a:b":                     "fd://3",
		"fd:///run/a":                  "fd://3",
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
