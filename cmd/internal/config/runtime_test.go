package config

import (
	"strings"
	"testing"
)

func TestRuntimeDir(t *testing.T) {
	for _, test := range []struct {
		uid       int
		xdg, want string
	}{
		{0, "/run/user/0", "/run/multiproc"},
		{5, "/run/user/5", "/run/user/5/multiproc"},
		{5, "", "/tmp/multiproc-5"},
		{5, "relative", "/tmp/multiproc-5"},
	} {
		if got := RuntimeDir(test.uid, func(string) string { return test.xdg }); got != test.want {
			t.Errorf("%d, %q: %s; want %s", test.uid, test.xdg, got, test.want)
		}
	}
	names := map[string]bool{}
	for _, spec := range [][2]string{{"/a/x.ini", ""}, {"/b/x.ini", ""}, {"/a/x.ini", "s"}, {"/a/" + strings.Repeat("ä", 100) + ".ini", ""}} {
		name := controlName(spec[0], spec[1])
		if names[name] || len(name) > 50 || strings.ToValidUTF8(name, "?") != name {
			t.Errorf("%q: %s", spec, name)
		}
		names[name] = true
	}
}
