package sqlite

import "testing"

func TestPath(t *testing.T) {
	for database, want := range map[string]string{
		"x.db":               "x.db",
		"sqlite://x.db":      "x.db",
		"sqlite:///var/x.db": "/var/x.db",
		"/a?b#c%41.db":       "/a?b#c%41.db",
		"sqlite:///a%20b":    "/a%20b",
	} {
		if got, err := Path(database); got != want || err != nil {
			t.Errorf("%q is %q, %v, want %q", database, got, err, want)
		}
	}
	for database, text := range map[string]string{
		"":                         "no path",
		"sqlite://":                "no path",
		"postgres://u:secret@h/db": "postgres:// is not supported",
		":memory:":                 "not the path of a file",
		"sqlite://:memory:":        "not the path of a file",
		"file:x.db":                "not the path of a file",
		"a\x00b":                   "NUL",
	} {
		_, err := Path(database)
		wantErr(t, err, nil, text)
	}
}
