package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"multiproc/internal/proctest"
)

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

// TestResolveForRoot: root uses the files of other users, but does not follow their links.
func TestResolveForRoot(t *testing.T) {
	proctest.Root(t)
	root, others := t.TempDir(), t.TempDir()
	link := filepath.Join(others, "link")
	check(t, errors.Join(os.Symlink(root, link), os.Chown(others, 65534, 65534), os.Lchown(link, 65534, 65534)))
	for path, refused := range map[string]bool{filepath.Join(others, "a.db"): false, filepath.Join(link, "b.db"): true} {
		if _, err := create(path); (err != nil) != refused {
			t.Errorf("%s: %v", path, err)
		}
		check(t, os.WriteFile(filepath.Join(root, "b.db"), nil, 0o600))
		if _, err := resolve(path); (err != nil) != refused {
			t.Errorf("%s: %v", path, err)
		}
		check(t, os.Remove(filepath.Join(root, "b.db")))
	}
}
