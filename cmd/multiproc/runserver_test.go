package main

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"multiproc/internal/proctest"
)

// startRunserver starts multiproc runserver in a directory.
func startRunserver(t *testing.T, dir string, args ...string) *testServer {
	t.Helper()
	return startServer(t, "", failing, func(o *serverOptions) {
		o.dir, o.args = dir, args
		o.wrap = []string{"/bin/sh", "-c", `shift 2; exec "$0" runserver "$@"`} // without the ini of the harness
	})
}

// startDevelopment starts multiproc runserver and waits until it serves.
func startDevelopment(t *testing.T, dir string, args ...string) *testServer {
	t.Helper()
	s := startRunserver(t, dir, args...)
	s.awaitAddress("msg=serving", "address=")
	return s
}

// TestRunserver needs nothing but a directory: it creates the database, serves from one process, and logs each request.
func TestRunserver(t *testing.T) {
	dir := t.TempDir()
	s := startDevelopment(t, dir, "127.0.0.1:0")
	s.log.Wait(t, s.done, "level=INFO", "database migrated", "path="+filepath.Join(dir, "multiproc.db"), "from=0")
	s.log.Wait(t, s.done, "level=INFO", "url=http://"+s.address+"/")
	s.log.Wait(t, s.done, "new database", "populate --database="+filepath.Join(dir, "multiproc.db"))
	for _, path := range []string{"/", "/metrics", "/readyz"} {
		s.wantVisit(http.StatusOK, path, "")
		s.log.Wait(t, s.done, "path="+path, "code=200")
	}
	if found := proctest.Children(s.cmd.Process.Pid); len(found) > 0 {
		t.Errorf("it has children: %d", found)
	}
	runIn(t, dir, "", "populate", "--database", "multiproc.db", "--transactions", "10")
	if _, page := s.get("/metrics"); strings.Count(page, "\napi_transactions{") == 0 {
		t.Errorf("no transactions on the page:\n%s", page)
	}
	s.stop()

	// Nothing remains but the database, which the next start uses.
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	check(t, err)
	for _, entry := range entries {
		if name := filepath.Base(entry); !strings.HasPrefix(name, "multiproc.db") && name != "multiproc.ini" {
			t.Errorf("left behind: %s", entry)
		}
	}
	again := startDevelopment(t, dir, "127.0.0.1:0")
	if n := again.log.Count("database migrated"); n != 0 {
		t.Errorf("migrated again:\n%s", again.log)
	}
	again.stop()
	all, _ := countTransactions(t, openDatabase(t, filepath.Join(dir, "multiproc.db")))
	if all != 10 {
		t.Errorf("%d transactions, want 10", all)
	}
}

// TestRunserverOfINI uses the ini of a real server, except for what development needs otherwise.
func TestRunserverOfINI(t *testing.T) {
	dir := t.TempDir()
	taken := freeAddress(t)
	ini := filepath.Join(dir, "real.ini")
	text := "[multiproc]\nsocket = " + taken + "\nprocesses = 4\ndatabase = real.db\nmigrate = false\ndisable-logging = true\n" +
		"metrics-dir = metrics\n"
	check(t, os.WriteFile(ini, []byte(text), 0o600))
	s := startDevelopment(t, dir, "--ini", ini, "127.0.0.1:0")
	if s.address == taken {
		t.Errorf("served at the file's address %s, though another one was given", taken)
	}
	s.wantVisit(http.StatusOK, "/", "")
	s.log.Wait(t, s.done, "path=/", "code=200")
	if found := proctest.Children(s.cmd.Process.Pid); len(found) > 0 {
		t.Errorf("it has children: %d", found)
	}
	if !fileExists(filepath.Join(dir, "real.db")) || fileExists(filepath.Join(dir, "multiproc.db")) {
		t.Error("it has another database than the one in the file")
	}

	// Without an address of its own it uses the file's. The metrics are in use already.
	second := startRunserver(t, dir, "--ini", ini)
	if code := second.exitCode(); code != exitInUse {
		t.Errorf("exit code %d of a second server\n%s", code, second.log)
	}
	s.stop()

	occupied, err := new(net.ListenConfig).Listen(t.Context(), "tcp", taken)
	check(t, err)
	defer occupied.Close()
	third := startRunserver(t, dir, "--ini", ini)
	if code := third.exitCode(); code != exitInUse || third.log.Count(taken) == 0 {
		t.Errorf("exit code %d at an address in use\n%s", code, third.log)
	}
}
