package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/store"
)

// runIn runs multiproc in a directory to its end, with this on stdin, and gives what it prints. It must succeed.
func runIn(t *testing.T, dir, stdin string, args ...string) string {
	t.Helper()
	cmd := commandIn(t, dir, append([]string{multiprocPath(t)}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args, err, out)
	}
	return string(out)
}

// TestOperationsAreRecorded looks into the audit log, and for what must not be in it.
func TestOperationsAreRecorded(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	runIn(t, dir, "correct horse\n", "createsuperuser", "--database", path, "--username", "ann", "--password-stdin")
	runIn(t, dir, "battery staple\n", "changepassword", "--database", path, "--password-stdin", "ann")
	secret := strings.TrimSpace(runIn(t, dir, "", "token", "create", "--database", path, "gateway"))
	runIn(t, dir, "", "token", "revoke", "--database", path, "gateway")

	db := openDatabase(t, path)
	var entries []store.Entry
	err := db.View(t.Context(), func(tx *store.Tx) error {
		slice, err := tx.Entries(store.EntryQuery{})
		entries = slice.Items
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(entries)
	var got []string
	for _, e := range entries {
		got = append(got, strings.Join([]string{string(e.Action), string(e.Kind), e.Object}, " "))
		if want := "command line (" + osUser() + ")"; e.Actor != want {
			t.Errorf("%s: by %q, want %q", got[len(got)-1], e.Actor, want)
		}
		for _, hidden := range []string{"horse", "staple", secret} {
			if strings.Contains(string(e.Changes), hidden) {
				t.Errorf("%s has the secret: %s", got[len(got)-1], e.Changes)
			}
		}
	}
	if want := []string{"create user ann", "change user ann", "create token gateway", "change token gateway"}; !slices.Equal(got, want) {
		t.Errorf("recorded: %q, want %q", got, want)
	}

	// They have done what they say.
	if err := db.Confirm(t.Context(), store.Credentials{Name: "ann", Password: "battery staple"}); err != nil {
		t.Error(err)
	}
	if err := db.Confirm(t.Context(), store.Credentials{Name: "ann", Password: "correct horse"}); err == nil {
		t.Error("the old password is still good")
	}
}

// TestOperationsGiveUpPrivileges has root at work on the database of a server that runs as nobody: all that is made there
// is nobody's, or the server could not write it.
func TestOperationsGiveUpPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		proctest.Missing(t, "only root can give up privileges")
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(data, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	ini := filepath.Join(dir, "root.ini")
	if err := os.WriteFile(ini, []byte("[multiproc]\nchdir = "+data+"\ndatabase = app.db\nuid = nobody\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runIn(t, dir, "", "migrate", "--ini", ini, "--recount")
	mustBeNobodys(t, data)
	// While another connection keeps them, the files beside the database stay.
	openDatabase(t, filepath.Join(data, "app.db"))
	runIn(t, dir, "correct horse\n", "createsuperuser", "--ini", ini, "--username", "ann", "--password-stdin")
	runIn(t, dir, "", "token", "create", "--ini", ini, "gateway")
	runIn(t, dir, "", "populate", "--ini", ini, "--transactions", "10")
	mustBeNobodys(t, data)
	if !fileExists(filepath.Join(data, "app.db-wal")) {
		t.Error("there is nothing beside the database to look at")
	}
	// What was done was done by root.
	if out := runIn(t, dir, "", "token", "list", "--ini", ini, "--json"); !strings.Contains(out, "command line (root)") {
		t.Errorf("listed: %s", out)
	}
}
