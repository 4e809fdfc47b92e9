package config

import (
	"strings"
	"testing"
	"time"
)

// TestValues sets fields by text and compares the text that comes back.
func TestValues(t *testing.T) {
	var (
		b   bool
		n   int
		s   string
		b64 int64
		d   time.Duration
		o   *uint32
		id  *int
		sys = testSystem(nil)
	)
	for _, test := range []struct {
		value value
		want  map[string]string // the text that comes back; empty if the text is refused
	}{
		{boolean(&b), map[string]string{
			"true": "true", "1": "true", "YES": "true", "On": "true",
			"false": "false", "0": "false", "no": "false", "off": "false",
			"": "", "2": "", "tru": "", "true ": "",
		}},
		{number(&n, 1), map[string]string{
			"1": "1", "007": "7", "2147483647": "2147483647",
			"0": "", "-1": "", "2147483648": "", "99999999999999999999": "", "": "", "1.5": "", "0x10": "", "auto": "", "1_0": "",
		}},
		{orAuto(number(&n, 0)), map[string]string{"auto": "auto", "0": "0", "3": "3", "-1": "", "Auto": ""}},
		{size(&b64, 0, 1), map[string]string{
			"0": "0", "1": "1", "1024": "1k", "65535": "65535", "64k": "64k", "64K": "64k", "1m": "1M", "256M": "256M",
			"1024M": "1G", "2g": "2G", "9223372036854775807": "9223372036854775807", "8589934591G": "8589934591G",
			"": "", "k": "", "-1": "", "+1": "", "1.5k": "", "64kb": "", "1 k": "", "9223372036854775808": "",
			"8589934592G": "", "99999999999999999999k": "", "1kk": "",
		}},
		{size(&b64, 0, mib), map[string]string{"0": "0", "512": "512M", "512M": "512M", "300k": "300k", "8796093022208": ""}},
		{size(&b64, kib, 1), map[string]string{"1024": "1k", "1023": ""}},
		{duration(&d, 0), map[string]string{
			"0": "0", "30": "30s", "60": "1m", "90": "1m30s", "3600": "1h", "1h0m5s": "1h0m5s", "500ms": "500ms", "1m30s": "1m30s",
			"1.5s": "1.5s", "9223372036": "2562047h47m16s",
			"": "", "-1": "", "-1s": "", "30 s": "", "1d": "", "1.5": "", "s": "", "9223372037": "", "99999999999999999999": "",
			"9999999999h": "", "18446744074": "", "-18446744073": "", "auto": "",
		}},
		{duration(&d, time.Millisecond), map[string]string{"1ms": "1ms", "0": "", "999us": ""}},
		{orAuto(duration(&d, 0)), map[string]string{"auto": "auto", "5": "5s", "-5": ""}},
		{octal(&o, 1), map[string]string{"022": "022", "0": "000", "1": "001", "777": "777", "0027": "027", "8": "", "1000": "", "": "", "-1": "", "rw": ""}},
		{octal(&o, 0o666), map[string]string{"1": "666", "001": "001", "660": "660"}},
		{choice(&s, "text", "json"), map[string]string{"text": "text", "json": "json", "": "", "JSON": "", "xml": ""}},
		{text(&s, checkMetricsPath), map[string]string{
			"/": "/", "/a/b": "/a/b", "/a/": "/a/", "/livez/a": "/livez/a", "/api/v2": "/api/v2",
			"": "", "a": "", "/a?b": "", "/a#b": "", "/a b": "", "/{a}": "", "/a{": "", "/a}": "", "//": "", "/a//b": "", "/a/../b": "",
			"/livez": "", "/readyz": "", "/healthz": "", "/api/v1": "", "/api/v1/": "", "/api/v1/metrics": "",
			"/admin": "", "/admin/": "", "/admin/metrics": "", "/administrators": "/administrators",
		}},
		{path(&s, "/srv"), map[string]string{"a": "/srv/a", "./a/../b/": "/srv/b", "/a//b": "/a/b", "..": "/"}},
		{path(&s, ""), map[string]string{"/a": "/a", "a": ""}},
		{path(&s, "/srv"), map[string]string{"~/a": "", "~": "", "~a/b": "/srv/~a/b", "./~": "/srv/~"}},
		{socketPath(&s, "/srv"), map[string]string{"a.sock": "/srv/a.sock", strings.Repeat("x", 108): ""}},
		{userID(&id, &s, sys), map[string]string{"0": "0", "1000": "1000", "exporter": "1001", "no-such-user": "", "-1": "", "4294967295": "", "": ""}},
		{groupID(&id, sys), map[string]string{"0": "0", "www": "33", "exporter": "", "-1": "", "": ""}},
	} {
		for text, want := range test.want {
			before := strings.Join(test.value.texts(), ",")
			err := test.value.set(text)
			got := strings.Join(test.value.texts(), ",")
			switch {
			case want == "" && err == nil:
				t.Errorf("%s %q is accepted as %q", test.value.kind(), text, got)
			case want == "" && got != before:
				t.Errorf("%s %q is refused, but changes %q to %q", test.value.kind(), text, before, got)
			case want != "" && (err != nil || got != want):
				t.Errorf("%s %q is %q, %v; want %q", test.value.kind(), text, got, err, want)
			}
			if err != nil && (strings.Contains(err.Error(), "\n") || strings.HasPrefix(err.Error(), "strconv")) {
				t.Errorf("%s %q: %v", test.value.kind(), text, err)
			}
		}
	}
}

func TestLists(t *testing.T) {
	var (
		texts []string
		vars  []Variable
	)
	for _, test := range []struct {
		value value
		want  map[string]string // each appended to an empty list, and then separated by spaces
	}{
		{hosts(&texts), map[string]string{
			"example.org": "example.org", "Example.ORG, .example.net ,*": "example.org .example.net *", "[::1],127.0.0.1": "[::1] 127.0.0.1",
			"my_service": "my_service",
			"a,,b":       "", ",": "", "*.example.org": "", "example.org:80": "", "::1": "", "[::1": "", "[::1]:80": "", "[1.2.3.4]": "",
			"http://a": "", "a b": "", "..": "", ".": "", "bücher.example": "", "a/b": "", strings.Repeat("a", 64): "",
			strings.Repeat("a.", 127) + "a": "",
		}},
		{paths(&texts, "/srv"), map[string]string{"a": "/srv/a", "/a": "/a", "": ""}},
		{variableNames(&texts), map[string]string{"A": "A", "": "", "A=B": "", "A B": ""}},
		{variables(&vars), map[string]string{"A=": "A=", "A=b=c": "A=b=c", "A": "", "=b": "", "A =b": "", "": ""}},
	} {
		for text, want := range test.want {
			texts, vars = nil, nil
			err := test.value.set(text)
			got := strings.Join(test.value.texts(), " ")
			if got != want || (err == nil) != (want != "") {
				t.Errorf("%s %q is %q, %v; want %q", test.value.kind(), text, got, err, want)
			}
		}
	}
}
