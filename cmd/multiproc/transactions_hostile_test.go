package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"multiproc/internal/proctest"

	"golang.org/x/sys/unix"
)

// TestDiskFullOfTransactions posts until the disk is full, and then makes room.
func TestDiskFullOfTransactions(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=3m,mode=0700")
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		proctest.Missing(t, fmt.Sprintf("a small disk cannot be mounted, which takes root: %v", err))
	}
	check(t, err)
	t.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(disk, "ballast")
	check(t, os.WriteFile(ballast, make([]byte, 1<<20), 0o600))
	database := filepath.Join(disk, "transactions.db")
	k := newTracker(startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndatabase = "+database+"\n"), database)
	workers := k.workers()

	const some = 100 // are one request
	var kept []int64
	var numbers int64
	post := func() reply {
		texts := make([]string, some)
		for i := range texts {
			texts[i] = numbered(numbers + int64(i))
		}
		r := k.ask("POST", transactionsPath, "["+strings.Join(texts, ",")+"]")
		if r.code == http.StatusCreated {
			for i := range texts {
				kept = append(kept, numbers+int64(i))
			}
		}
		numbers += some
		return r
	}
	refused := 0
	for round := 0; refused < 10; round++ { // smaller ones may still fit
		r := post()
		switch {
		case r.code == http.StatusCreated && round < 10_000:
			continue
		case round == 0:
			t.Fatalf("there is room for nothing: %s\n%s", r, k.log)
		}
		k.mustBeUnavailable("POST on a full disk", r)
		refused++
		k.must(http.StatusOK, "GET", transactionsPath, "")
		if counted := sum(k.gauge()); int(counted) != len(kept) {
			t.Errorf("api_transactions counts %g transactions, %d were answered", counted, len(kept))
		}
	}
	k.mustHave(workers, "on a full disk")
	t.Logf("room for %d transactions", len(kept))

	check(t, os.Remove(ballast))
	for range 4 {
		if r := post(); r.code != http.StatusCreated {
			t.Errorf("POST when there is room again: %s\n%s", r, k.log)
		}
	}
	k.mustHave(workers, "when there is room again")
	var there []int64
	for _, number := range k.rows() {
		there = append(there, number)
	}
	slices.Sort(there)
	if !slices.Equal(there, kept) {
		t.Errorf("%d transactions are there, %d were answered", len(there), len(kept))
	}
	k.mustBeSound()
	k.stop()
}

// TestReadOnlyDatabase has a server that may read the database, but not write it.
func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	proctest.Root(t)
	data := t.TempDir()
	check(t, errors.Join(os.Chmod(data, 0o755), os.Chmod(filepath.Dir(data), 0o755)))
	database := filepath.Join(data, "transactions.db")
	writable := newTracker(startServer(t, "socket = 127.0.0.1:0\ndatabase = "+database+"\n"), database)
	id := writable.post(4)
	files, err := filepath.Glob(database + "*")
	check(t, err)
	for _, file := range files {
		check(t, os.Chmod(file, 0o644))
	}

	s, _ := startDropping(t, "socket = "+freeAddress(t)+"\nuid = nobody\nmigrate = false\ndatabase = "+database+"\n")
	k := &tracker{testServer: s, database: database, token: writable.token}
	workers := k.workers()
	mustRunAsNobody(t, workers...)
	readable := func() {
		t.Helper()
		wires := k.toEach(workers)
		defer hangUp(wires)
		for _, w := range wires {
			r, err := w.ask(k.request("GET", fmt.Sprint(transactionsPath, "/", id), ""))
			if err != nil || r.code != http.StatusOK {
				t.Errorf("GET: %s, %v", r, err)
			}
			r, err = w.ask(k.request("POST", transactionsPath, numbered(5)))
			if err != nil {
				t.Error(err)
			}
			k.mustBeUnavailable("POST to what can only be read", r)
		}
		if want, got := k.counted(), k.gauge(); sum(got) != sum(want) {
			t.Errorf("api_transactions is %v, in the database are %v", got, want)
		}
	}
	readable()
	writable.post(6)
	readable()
	k.mustHave(workers, "of a server that cannot write")
	k.stop()
	writable.mustBeSound()
	writable.stop()

	// No process has it open any more. SQLite must then create its WAL before it can read, and may not.
	_, code := startFailing(t, "socket = 127.0.0.1:0\nuid = nobody\nmigrate = false\ndatabase = "+database+"\n",
		withProgram(filepath.Join(k.dir, "multiproc")), in(k.dir))
	if code != 3 { // no worker became ready
		t.Errorf("exit code %d, want 3", code)
	}
}
