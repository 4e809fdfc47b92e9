package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDatabaseRefused starts servers that must refuse their database and give the reason.
func TestDatabaseRefused(t *testing.T) {
	t.Parallel()
	garbage := []byte(strings.Repeat("this is no database\n", 1000))
	for _, row := range []struct {
		name, ini string
		prepare   func(t *testing.T, path string)
		reasons   []string // besides the path
	}{
		{
			"no database", "",
			func(t *testing.T, path string) {
				t.Helper()
				check(t, os.WriteFile(path, garbage, 0o600))
			},
			[]string{"not a database"},
		},
		{
			"no database, not migrated", "migrate = false\n",
			func(t *testing.T, path string) {
				t.Helper()
				check(t, os.WriteFile(path, garbage, 0o600))
			},
			[]string{"not a database"},
		},
		{
			"a directory", "",
			func(t *testing.T, path string) {
				t.Helper()
				check(t, os.Mkdir(path, 0o700))
			},
			nil,
		},
		{"none, not migrated", "migrate = false\n", func(*testing.T, string) {}, []string{"multiproc migrate"}},
		{
			"empty, not migrated", "migrate = false\n",
			func(t *testing.T, path string) {
				t.Helper()
				check(t, os.WriteFile(path, nil, 0o600))
			},
			[]string{"multiproc migrate"},
		},
		{
			"old, not migrated", "migrate = false\n",
			func(t *testing.T, path string) {
				t.Helper()
				migrated(t, filepath.Dir(path))
				execOutside(t, path, "DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
			},
			[]string{"multiproc migrate"},
		},
		{"too new", "", tooNew, []string{"99"}},
		{"too new, not migrated", "migrate = false\n", tooNew, []string{"99"}},
		{
			"another program's", "",
			func(t *testing.T, path string) {
				t.Helper()
				check(t, os.WriteFile(path, nil, 0o600))
				execOutside(t, path, "CREATE TABLE theirs (x)")
			},
			[]string{"another program"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "transactions.db")
			row.prepare(t, path)
			before, _ := os.ReadFile(path)
			s, code := startFailing(t, databaseINI+row.ini, in(dir))
			if code != 3 { // no worker became ready
				t.Errorf("exit code %d, want 3", code)
			}
			if s.log.Count(append(row.reasons, path)...) == 0 {
				t.Errorf("the log does not have %q:\n%s", append(row.reasons, path), s.log)
			}
			after, _ := os.ReadFile(path)
			if string(after) != string(before) {
				t.Errorf("the file has changed: %d bytes, were %d", len(after), len(before))
			}
		})
	}
}

// tooNew creates a database that this program is too old for.
func tooNew(t *testing.T, path string) {
	t.Helper()
	migrated(t, filepath.Dir(path))
	newer(t, path, 99)
}
