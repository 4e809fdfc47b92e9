package config

import (
	"strings"
	"testing"
)

// databases returns values of the key database and the paths that they mean, or after an exclamation mark a part of the fault.
func databases() map[string]string {
	return map[string]string{
		"app.db":                 "app.db",
		"./app.db":               "./app.db",
		"/srv/app.db":            "/srv/app.db",
		"/srv/a b?c#d%20.db":     "/srv/a b?c#d%20.db",
		"/srv/a://b.db":          "/srv/a://b.db",
		"app":                    "app",
		".hidden":                ".hidden",
		"sqlite://app.db":        "app.db",
		"sqlite://../app.db":     "../app.db",
		"sqlite:///srv/app.db":   "/srv/app.db",
		"sqlite:////srv/app.db":  "//srv/app.db",
		"sqlite:///srv/%20#a.db": "/srv/%20#a.db",

		"":                                      "!missing value",
		"sqlite://":                             "!missing value",
		"sqlite:///":                            "!directory",
		"sqlite://app.db?mode=ro":               "!no parameters",
		"sqlite3://app.db":                      `!"sqlite3://": only sqlite is supported`,
		"SQLite://app.db":                       `!"SQLite://": only sqlite is supported`,
		"postgres://me:secret@db/app":           `!"postgres://": only sqlite is supported`,
		"postgresql+psycopg://db:5432/a":        "!only sqlite is supported",
		"mysql://db/app":                        "!only sqlite is supported",
		"file:///srv/app.db":                    `!"file://": only sqlite is supported`,
		"://app.db":                             "!only sqlite is supported",
		":memory:":                              "!in memory",
		"./:memory:":                            "!in memory",
		"file::memory:":                         "!in memory",
		"file::memory:?cache=shared":            "!in memory",
		"sqlite://:memory:":                     "!in memory",
		"sqlite:///:memory:":                    "!in memory",
		"sqlite::memory:":                       "!in memory",
		"sqlite://file::memory:":                "!in memory",
		"file:app.db":                           "!URI",
		"file:/srv/app.db?mode=memory":          "!URI",
		"sqlite://file:app.db":                  "!URI",
		"sqlite:app.db":                         "!URI",
		"sqlite:/srv/app.db":                    "!URI",
		"data/":                                 "!directory",
		"/":                                     "!directory",
		".":                                     "!directory",
		"..":                                    "!directory",
		"/srv/..":                               "!directory",
		"sqlite://data/.":                       "!directory",
		"file:" + strings.Repeat("x", 1000):     "!URI",
		strings.Repeat("x", 1000) + "://app.db": "!only sqlite is supported",
	}
}

func TestParseDatabase(t *testing.T) {
	for text, want := range databases() {
		got, err := parseDatabase(text)
		if hint, refused := strings.CutPrefix(want, "!"); refused {
			if err == nil || !strings.Contains(err.Error(), hint) || got != "" {
				t.Errorf("%s: %q, %v; want a fault with %q", text, got, err, hint)
			} else if len(err.Error()) > 200 || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
		// The resolved path must mean itself.
		for _, dir := range []string{"/srv", "/", "/srv/:memory:", "/file:", "/a://b"} {
			resolved, err := resolve(dir, got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := parseDatabase(resolved); err != nil || again != resolved {
				t.Errorf("%s in %s is %s, and that is %q, %v", text, dir, resolved, again, err)
			}
		}
	}
}

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
