package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const databaseINI = "socket = 127.0.0.1:0\nprocesses = 2\ndatabase = transactions.db\n"

// migrated creates a database in a directory as an operator does.
func migrated(tb testing.TB, dir string) (path string) {
	tb.Helper()
	path = filepath.Join(dir, "transactions.db")
	runIn(tb, dir, "", "migrate", "--database", path)
	return path
}

// TestDatabaseIsCreated starts a server without a database, which creates one, and a second one, which uses it.
func TestDatabaseIsCreated(t *testing.T) {
	t.Parallel()
	for name, ini := range map[string]string{"as it comes": "", "with a umask that allows all": "umask = 000\n"} {
		t.Run(name, func(t *testing.T) {
			k := startTracker(t, "processes = 2\n"+ini)
			k.log.Wait(t, k.done, "database "+k.database+": schema version 0 -> ")
			k.post(1)
			files, err := filepath.Glob(k.database + "*")
			if err != nil || len(files) != 4 {
				t.Errorf("files %q, %v: want a database with a log, an index of it and a lock", files, err)
			}
			for _, file := range files {
				if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 { // it has password hashes
					t.Errorf("%s: %v, %v", file, info.Mode(), err)
				}
			}
			k.stop()

			next := startServer(t, databaseINI+ini, in(k.dir))
			again := &tracker{next, k.database, k.token}
			again.post(2)
			if n := next.log.Count("schema version"); n > 0 {
				t.Errorf("it was migrated twice:\n%s", next.log)
			}
			stdout, stderr, code := next.run("migrate", "--ini", next.ini)
			if code != exitOK || !strings.Contains(stdout, "is up to date") {
				t.Errorf("migrate: exit code %d: %s%s", code, stdout, stderr)
			}
			again.mustBeSound()
			next.stop()
		})
	}
}

// newer is a migration of a later version, with the oldest version that may still use the database.
func newer(tb testing.TB, path string, oldest int) {
	tb.Helper()
	execOutside(tb, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99, 1);
		ALTER TABLE transactions ADD COLUMN later TEXT; UPDATE compatibility SET oldest_reader = `+strconv.Itoa(oldest))
}

// TestNewerDatabase has a later version migrate under a server. This version serves and starts as long as the schema allows
// it.
func TestNewerDatabase(t *testing.T) {
	t.Parallel()
	k := startTracker(t, "processes = 2\n")
	k.post(1)
	newer(t, k.database, 1)
	k.post(2)
	k.reload()
	k.post(3)
	execOutside(t, k.database, "UPDATE compatibility SET oldest_reader = 99")
	k.mustRefuse(k.database, "99")
	k.post(4) // running workers go on
	k.mustBeSound()
	k.stop()
}

// TestDatabaseOfTwoServers runs two masters with their own workers and metrics on one database.
func TestDatabaseOfTwoServers(t *testing.T) {
	t.Parallel()
	one := startTracker(t, "processes = 2\n")
	second := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndatabase = sqlite://"+one.database+"\n")
	two := &tracker{second, one.database, one.token}
	posting := []*posting{startPosting(one, 0, 4), startPosting(two, 0, 4)}
	made := 0
	for _, p := range posting {
		p.awaitAnswers(200)
	}
	for _, p := range posting {
		p.stop()
		for _, failure := range p.failures {
			t.Error(failure)
		}
		for number, err := range p.lost {
			t.Errorf("transaction %d: %v", number, err)
		}
		made += len(p.made)
	}
	if rows := one.rows(); len(rows) != made {
		t.Errorf("%d transactions, %d were made", len(rows), made)
	}
	one.mustBeSound()
	two.mustBeSound()
	first := one.must(http.StatusCreated, "POST", transactionsPath, numbered(7), "Idempotency-Key: 7")
	if again := two.must(http.StatusCreated, "POST", transactionsPath, numbered(7), "Idempotency-Key: 7"); !sameAnswer(again, first) {
		t.Errorf("%s, the first answer was %s", again, first)
	}
	one.stop()
	two.post(8)
	two.mustBeSound()
	two.stop()
}

// TestTokens creates and revokes tokens while a server runs: every worker honours it at once.
func TestTokens(t *testing.T) {
	k := startTracker(t, "processes = 3\n")
	wires := k.toEach(k.workers())
	ask := func(token string) (codes []int) {
		t.Helper()
		for _, w := range wires {
			r, err := w.ask(k.request("GET", transactionsPath, "", "Authorization: Bearer "+token))
			check(t, err)
			codes = append(codes, r.code)
		}
		return codes
	}
	if codes := ask("mp_nobodys"); fmt.Sprint(codes) != "[401 401 401]" {
		t.Errorf("an unknown token: %v", codes)
	}
	token := k.newToken("gateway")
	if codes := ask(token); fmt.Sprint(codes) != "[200 200 200]" {
		t.Errorf("a new token: %v", codes)
	}
	runIn(t, k.dir, "", "token", "revoke", "--ini", k.ini, "gateway")
	if codes := ask(token); fmt.Sprint(codes) != "[401 401 401]" {
		t.Errorf("a revoked token: %v", codes)
	}
	if codes := ask(k.token); fmt.Sprint(codes) != "[200 200 200]" {
		t.Errorf("another token: %v", codes)
	}
	hangUp(wires)
	if n := k.log.Count(token) + k.log.Count(k.token); n > 0 {
		t.Errorf("the log has tokens:\n%s", k.log)
	}
	k.stop()
}

// TestTransactionsWithoutMaster serves the API from one process, by runserver and by master = false.
func TestTransactionsWithoutMaster(t *testing.T) {
	t.Parallel()
	runserver := wrapped("/bin/sh", "-c", `exec "$0" runserver "$1" "$2" 127.0.0.1:0`)
	for name, option := range map[string]func(*serverOptions){"master = false": func(*serverOptions) {}, "runserver": runserver} {
		t.Run(name, func(t *testing.T) {
			s := startAlone(t, "database = transactions.db\n", option)
			k := newTracker(s, filepath.Join(s.dir, "transactions.db"))
			p := startPosting(k, 4, 4)
			p.awaitAnswers(50)
			p.mustBeKept()
			k.stop()

			next := &tracker{startAlone(t, "database = transactions.db\n", option, in(s.dir)), k.database, k.token}
			next.post(1_000_000)
			next.mustBeSound()
			next.stop()
		})
	}
	t.Run("no database", func(t *testing.T) {
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, "transactions.db"), []byte("no database"), 0o600))
		s, code := startFailing(t, "master = false\n"+databaseINI, in(dir))
		if code == exitOK || s.log.Count("transactions.db") == 0 {
			t.Errorf("exit code %d\n%s", code, s.log)
		}
	})
}

// TestWithoutDatabase starts servers without the application, or with another program.
func TestWithoutDatabase(t *testing.T) {
	t.Run("no key", func(t *testing.T) {
		s := startServer(t, "socket = 127.0.0.1:0\n")
		for path, want := range map[string]int{
			transactionsPath: http.StatusNotFound, "/api/v1/openapi.json": http.StatusNotFound, "/admin/": http.StatusNotFound,
			"/": http.StatusOK, "/readyz": http.StatusOK, "/metrics": http.StatusOK,
		} {
			if r, err := s.visit(path, "", nil, "Accept: text/html"); err != nil || r.code != want {
				t.Errorf("%s: %s, %v, want %d", path, r, err, want)
			}
		}
		_, page := s.get("/metrics")
		for _, name := range []string{"api_transactions", "multiproc_store"} {
			if strings.Contains(page, name) {
				t.Errorf("%s on the page of a server without a database", name)
			}
		}
		s.stop()
	})
	t.Run("command", func(t *testing.T) {
		s := startServer(t, databaseINI+appINI(t))
		s.log.Wait(t, s.done, "database", "command")
		s.wantVisit(http.StatusOK, "/pid", "")
		s.reload()
		if files, err := filepath.Glob(filepath.Join(s.dir, "transactions.db*")); err != nil || len(files) > 0 {
			t.Errorf("files %q, %v", files, err)
		}
		s.stop()
	})
}

// TestFirstSteps starts a server with a new database, and with a secret among its arguments: the commands to try name the ini
// file alone.
func TestFirstSteps(t *testing.T) {
	t.Parallel()
	s := startServer(t, databaseINI, func(o *serverOptions) { o.args = []string{"--env", "NAME=hunter2"} })
	s.log.Wait(t, s.done, "new database", "populate --ini "+s.ini+" --transactions")
	if s.log.Count("hunter2") > 0 {
		t.Errorf("the log has the secret\n%s", s.log)
	}
}
