package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/store"
)

// runIn runs multiproc in a directory with this standard input and returns its output. It must succeed.
func runIn(tb testing.TB, dir, stdin string, args ...string) string {
	tb.Helper()
	cmd := commandIn(tb, dir, append([]string{lookPath(tb, "multiproc")}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		tb.Fatalf("%s: %v\n%s", args, err, out)
	}
	return string(out)
}

// newDatabase returns a directory and the path of a migrated database in it.
func newDatabase(tb testing.TB) (dir, path string) {
	tb.Helper()
	dir = tb.TempDir()
	path = filepath.Join(dir, "app.db")
	if _, _, err := store.Migrate(tb.Context(), path, store.Options{}); err != nil {
		tb.Fatal(err)
	}
	return dir, path
}

func openDatabase(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), path, store.Options{})
	check(tb, err)
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// countTransactions returns the number of all transactions, and of those that the gauge counts.
func countTransactions(tb testing.TB, s *store.Store) (all, recent int64) {
	tb.Helper()
	err := s.View(tb.Context(), func(tx *store.Tx) error {
		var err error
		if all, err = tx.CountTransactions(store.TransactionFilter{}); err != nil {
			return err
		}
		counts, err := tx.WindowCounts()
		for _, c := range counts {
			recent += c.N
		}
		return err
	})
	check(tb, err)
	return all, recent
}

// TestDatabaseCommands checks the effects of the commands, and that the audit log has all of them and no secret.
func TestDatabaseCommands(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	runIn(t, dir, "correct horse\n", "createsuperuser", "--database", path, "--username", "ann", "--password-stdin")
	runIn(t, dir, "battery staple\n", "changepassword", "--database", path, "--password-stdin", "ann")
	secret := strings.TrimSpace(runIn(t, dir, "", "token", "create", "--database", path, "--read-only", "--expires", "1h", "gateway"))
	db := openDatabase(t, path)
	if err := db.Confirm(t.Context(), store.Credentials{Name: "ann", Password: "battery staple"}); err != nil {
		t.Error(err)
	}
	if err := db.Confirm(t.Context(), store.Credentials{Name: "ann", Password: "correct horse"}); err == nil {
		t.Error("the old password is still valid")
	}
	findToken := func() (token store.Token, err error) {
		err = db.View(t.Context(), func(tx *store.Tx) error {
			token, err = tx.TokenBySecret(secret)
			return err
		})
		return token, err
	}
	if token, err := findToken(); err != nil || token.Name != "gateway" || !token.ReadOnly || token.Expires.IsZero() {
		t.Errorf("%+v, %v", token, err)
	}
	runIn(t, dir, "", "token", "revoke", "--database", path, "gateway")
	if token, err := findToken(); err == nil {
		t.Errorf("revoked, but still valid: %+v", token)
	}

	me, err := user.Current()
	check(t, err)
	var entries []store.Entry
	err = db.View(t.Context(), func(tx *store.Tx) error {
		slice, err := tx.Entries(store.EntryQuery{})
		entries = slice.Items
		return err
	})
	check(t, err)
	slices.Reverse(entries)
	var got []string
	for _, e := range entries {
		got = append(got, fmt.Sprintf("%s %s %s", e.Action, e.Kind, e.Object))
		if want := "command line (" + me.Username + ")"; e.Actor != want {
			t.Errorf("%s: by %q, want %q", got[len(got)-1], e.Actor, want)
		}
		for _, hidden := range []string{"horse", "staple", secret} {
			if strings.Contains(string(e.Changes), hidden) {
				t.Errorf("%s contains the secret: %s", got[len(got)-1], e.Changes)
			}
		}
	}
	if want := []string{"create user ann", "change user ann", "create token gateway", "change token gateway"}; !slices.Equal(got, want) {
		t.Errorf("recorded: %q, want %q", got, want)
	}
}

// TestDatabaseCommandsDropPrivileges has root work on the database of a server that runs as nobody: all files must belong to
// nobody, or the server could not write them.
func TestDatabaseCommandsDropPrivileges(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	check(t, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Mkdir(data, 0o700), os.Chown(data, nobody, nobody)))
	ini := filepath.Join(dir, "root.ini")
	check(t, os.WriteFile(ini, []byte("[multiproc]\nchdir = "+data+"\ndatabase = app.db\nuid = nobody\n"), 0o600))
	runIn(t, dir, "", "migrate", "--ini", ini, "--recount")
	mustBeNobodys(t, data)
	// Another connection keeps the files beside the database.
	openDatabase(t, filepath.Join(data, "app.db"))
	runIn(t, dir, "correct horse\n", "createsuperuser", "--ini", ini, "--username", "ann", "--password-stdin")
	runIn(t, dir, "", "token", "create", "--ini", ini, "gateway")
	runIn(t, dir, "", "populate", "--ini", ini, "--transactions", "10")
	mustBeNobodys(t, data)
	if !fileExists(filepath.Join(data, "app.db-wal")) {
		t.Error("there is no file beside the database to check")
	}
	if out := runIn(t, dir, "", "token", "list", "--ini", ini, "--json"); !strings.Contains(out, "command line (root)") {
		t.Errorf("not recorded as done by root: %s", out)
	}
}

// TestUnprintedToken closes standard output before the secret is printed: the token is revoked.
func TestUnprintedToken(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	reader, writer, err := os.Pipe()
	check(t, err)
	defer writer.Close()
	_ = reader.Close()
	cmd := commandIn(t, dir, lookPath(t, "multiproc"), "token", "create", "--database", path, "gateway")
	var stderr strings.Builder
	cmd.Stdout, cmd.Stderr = writer, &stderr
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "now revoked") {
		t.Errorf("%v: %s", err, &stderr)
	}
	if out := runIn(t, dir, "", "token", "list", "--database", path); !strings.Contains(out, "revoked\n") {
		t.Errorf("listed: %s", out)
	}
}

// TestPasswordIsNotEchoed types a password at a terminal.
func TestPasswordIsNotEchoed(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	s := startAtTerminal(t, dir, "createsuperuser", "--database", path)
	s.wait("]: ")
	s.press("ann\n")
	for _, question := range []string{"Password: ", "Password (again): "} {
		s.wait(question)
		s.awaitEcho(false)
		s.press("correct horse\n")
	}
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.awaitEcho(true)
	s.press("the end\n")
	s.wait("the end\r\n")
	if text := s.output(); !strings.Contains(text, "ann") || strings.Contains(text, "horse") {
		t.Errorf("the terminal shows:\n%s", text)
	}
	if err := openDatabase(t, path).Confirm(t.Context(), store.Credentials{Name: "ann", Password: "correct horse"}); err != nil {
		t.Error(err)
	}
}

// TestInterruptedPassword ends the prompt in each way: echo is switched on again, and there is no user.
func TestInterruptedPassword(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	for name, end := range map[string]func(*terminal){
		"Ctrl-C":  func(s *terminal) { s.press("\x03") },
		"Ctrl-\\": func(s *terminal) { s.press("\x1c") },
		"Ctrl-D":  func(s *terminal) { s.press("\x04") },
		"TERM":    func(s *terminal) { proctest.Kill(s.tb, s.cmd.Process.Pid, syscall.SIGTERM) },
	} {
		s := startAtTerminal(t, dir, "createsuperuser", "--database", path, "--username", "ann")
		s.wait("Password: ")
		s.awaitEcho(false)
		end(s)
		if code := s.exitCode(); code != exitFailed {
			t.Errorf("%s: exit code %d", name, code)
		}
		s.awaitEcho(true)
	}
	err := openDatabase(t, path).View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.UserByName("ann")
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the user exists: %v", err)
	}
}

// TestPopulateConcurrently has two processes fill the same database, both of which need the same APIs.
func TestPopulateConcurrently(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			out, err := commandIn(t, dir, lookPath(t, "multiproc"), "populate", "--database", path, "--transactions", "3000").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "added 3000 transactions in ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	running.Wait()
	// The oldest may have left the window of 24 hours by now.
	if all, recent := countTransactions(t, openDatabase(t, path)); all != 6000 || recent < 5900 || recent > all {
		t.Errorf("%d transactions, %d in the last 24 hours", all, recent)
	}
}

// TestPopulateInterrupted compares the number that an interrupted command reports with the database.
func TestPopulateInterrupted(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	db := openDatabase(t, path)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		before, _ := countTransactions(t, db)
		cmd := commandIn(t, dir, lookPath(t, "multiproc"), "populate", "--database", path, "--transactions", "100000000")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		check(t, cmd.Start())
		proctest.Eventually(t, "some transactions", func() bool {
			all, _ := countTransactions(t, db)
			return all > before
		})
		proctest.Kill(t, cmd.Process.Pid, signal)
		err := cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exitCode(exit.ExitCode()) != exitFailed {
			t.Errorf("%s: %v", signal, err)
		}
		var added int64
		if _, err := fmt.Sscanf(stderr.String(), "multiproc: populate: added %d of 100000000 transactions: interrupted\n", &added); err != nil {
			t.Errorf("%s: %q: %v", signal, stderr.String(), err)
		}
		if all, _ := countTransactions(t, db); all != before+added || added == 0 {
			t.Errorf("%s: %d transactions, %d before, but %d reported", signal, all, before, added)
		}
	}
}

// TestPopulateShowsProgress runs it at a terminal.
func TestPopulateShowsProgress(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	s := startAtTerminal(t, dir, "populate", "--database", path, "--transactions", "5000")
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.press("\n")
	s.wait("\r\n")
	if text := s.output(); !strings.Contains(text, "transactions") || !strings.Contains(text, "%") {
		t.Errorf("the terminal shows: %q", text)
	}
}
