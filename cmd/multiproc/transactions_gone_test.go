package main

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDatabaseGone removes the database of a server in various ways, and restores it.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	check(t, os.Mkdir(data, 0o700))
	database := filepath.Join(data, "transactions.db")
	k := newTracker(startServer(t, "socket = 127.0.0.1:0\nprocesses = 3\ndatabase = "+database+"\n"), database)
	workers := k.workers()
	wires := k.toEach(workers)
	number := int64(1)
	k.post(number)

	away := filepath.Join(dir, "away")
	other := filepath.Join(dir, "other.db")
	if _, stderr, code := k.run("populate", "--database", other, "--transactions", "10"); code == exitOK {
		t.Fatalf("populate made a database: %s", stderr)
	}
	runIn(t, k.dir, "", "migrate", "--database", other)
	is := contentOf(t, other)
	for _, way := range []struct {
		name       string
		take, give func() error
	}{
		{"moved", func() error { return os.Rename(database, away) }, func() error { return os.Rename(away, database) }},
		{"moved with its directory", func() error { return os.Rename(data, away) }, func() error { return os.Rename(away, data) }},
		{
			"replaced by another one",
			func() error { return errors.Join(os.Rename(database, away), os.Rename(other, database)) },
			func() error { return errors.Join(os.Rename(database, other), os.Rename(away, database)) },
		},
		{
			"replaced by something else",
			func() error {
				return errors.Join(os.Rename(database, away), os.WriteFile(database, []byte("x"), 0o600))
			},
			func() error { return os.Rename(away, database) },
		},
		{
			"replaced by a directory",
			func() error { return errors.Join(os.Rename(database, away), os.Mkdir(database, 0o700)) },
			func() error { return errors.Join(os.Remove(database), os.Rename(away, database)) },
		},
		{
			"deleted, but for a hard link",
			func() error { return errors.Join(os.Link(database, away), os.Remove(database)) },
			func() error { return os.Rename(away, database) },
		},
	} {
		t.Run(way.name, func(t *testing.T) {
			k := k.within(t)
			check(t, way.take())
			k.mustBeGone(wires)
			check(t, way.give())
			number++
			k.post(number)
			k.mustHave(workers, "after the database was "+way.name)
			if rows := k.rows(); len(rows) != int(number) {
				t.Errorf("%d transactions, %d were made", len(rows), number)
			}
			k.mustBeSound()
			if contentOf(t, other) != is {
				t.Error("the other database has changed")
			}
		})
	}
	// Once for each change and worker that noticed it, not once per request.
	if n, most := k.log.Count("level=ERROR")+k.log.Count("level=WARN"), 6*3*2; n > most {
		t.Errorf("%d complaints, expected at most %d\n%s", n, most, k.log)
	}
	hangUp(wires)
	k.stop()
}

func contentOf(tb testing.TB, path string) [sha256.Size]byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	check(tb, err)
	return sha256.Sum256(data)
}

// mustBeGone sends requests to every worker while there is no database.
func (k *tracker) mustBeGone(wires []*wire) {
	k.tb.Helper()
	for _, w := range wires {
		for range 2 {
			for method, body := range map[string]string{"GET": "", "POST": numbered(0)} {
				r, err := w.ask(k.request(method, transactionsPath, body))
				if err != nil {
					k.tb.Fatalf("%s: %v\n%s", method, err, k.log)
				}
				k.mustBeUnavailable(method, r)
			}
			r, err := w.ask(k.request("GET", "/metrics", ""))
			if err != nil {
				k.tb.Fatalf("/metrics: %v\n%s", err, k.log)
			}
			if r.code != http.StatusOK || len(seriesOf(k.tb, r.body, "api_transactions")) > 0 ||
				!strings.Contains(r.body, "\nmultiproc_store_up 0.0\n") || !strings.Contains(r.body, "\nhttp_requests_total{") {
				k.tb.Errorf("/metrics: %s\n%s", r, k.log)
			}
		}
	}
}

// TestReloadWithoutDatabase reloads while the database is away. A new empty one in its place would lose everything, and
// another one would be mixed with the first one's WAL.
func TestReloadWithoutDatabase(t *testing.T) {
	t.Parallel()
	all := []string{"", "-wal", "-shm", ".lock"}
	for _, way := range []struct {
		name    string
		moved   []string // suffixes of the database's files
		replace bool
	}{{"moved", all[:1], false}, {"moved with its log", all, false}, {"replaced by a copy", all[:1], true}} {
		t.Run(way.name, func(t *testing.T) {
			k := startTracker(t, "processes = 2\n")
			backup, away := k.database+".backup", k.database+".away"
			execOutside(t, k.database, "VACUUM INTO '"+backup+"'")
			is := contentOf(t, backup)
			for number := range int64(50) {
				k.post(number)
			}
			move := func(from, to string) {
				for _, suffix := range way.moved {
					check(t, os.Rename(from+suffix, to+suffix))
				}
			}
			move(k.database, away)
			if way.replace {
				check(t, os.Link(backup, k.database))
			}
			k.mustRefuse(k.database)
			if fileExists(k.database) != way.replace {
				t.Error("there is an empty database now")
			}
			if contentOf(t, backup) != is {
				t.Error("the copy has changed")
			}
			move(away, k.database)
			k.post(50)
			k.reload()
			k.post(51)
			if rows := k.rows(); len(rows) != 52 {
				t.Errorf("%d transactions, 52 were made", len(rows))
			}
			k.mustBeSound()
			k.stop()
		})
	}
}
