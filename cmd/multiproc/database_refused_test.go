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
	is := func(content string) func(string) {
		return func(path string) { check(t, os.WriteFile(path, []byte(content), 0o600)) }
	}
	garbage := is(strings.Repeat("this is no database\n", 1000))
	migrated := func(path string) { migrated(t, filepath.Dir(path)) }
	tooNew := func(path string) {
		migrated(path)
		newer(t, path, 99)
	}
	old := func(path string) {
		migrated(path)
		execOutside(t, path, "DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)")
	}
	theirs := func(path string) {
		is("")(path)
		execOutside(t, path, "CREATE TABLE theirs (x)")
	}
	for _, row := range []struct {
		name, ini string
		prepare   func(path string)
		reasons   []string // besides the path
	}{
		{"no database", "", garbage, []string{"not a database"}},
		{"no database, not migrated", "migrate = false\n", garbage, []string{"not a database"}},
		{"a directory", "", func(path string) { check(t, os.Mkdir(path, 0o700)) }, nil},
		{"none, not migrated", "migrate = false\n", nil, []string{"multiproc migrate"}},
		{"empty, not migrated", "migrate = false\n", is(""), []string{"multiproc migrate"}},
		{"old, not migrated", "migrate = false\n", old, []string{"multiproc migrate"}},
		{"too new", "", tooNew, []string{"99"}},
		{"too new, not migrated", "migrate = false\n", tooNew, []string{"99"}},
		{"another program's", "", theirs, []string{"another program"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "transactions.db")
			if row.prepare != nil {
				row.prepare(path)
			}
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
