package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/store"
)

// countTransactions are all, and those of the last 24 hours as the gauge has them.
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
	if err != nil {
		tb.Fatal(err)
	}
	return all, recent
}

// TestPopulateTwiceAtOnce has two processes that fill the same new database, each of which would make the same APIs.
func TestPopulateTwiceAtOnce(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			out, err := commandIn(t, dir, multiprocPath(t), "populate", "--database", path, "--transactions", "5000").CombinedOutput()
			if err != nil || !strings.HasPrefix(string(out), "5000 transactions in ") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	running.Wait()
	db := openDatabase(t, path)
	all, recent := countTransactions(t, db)
	// The oldest may have left the last 24 hours by now.
	if all != 10_000 || recent < 9_900 || recent > all {
		t.Errorf("%d transactions, %d in the last 24 hours", all, recent)
	}
	err := db.View(t.Context(), func(tx *store.Tx) error {
		apis, err := tx.ListNamed(store.NamedQuery{Kind: store.KindAPI})
		if err != nil {
			return err
		}
		statuses, err := tx.ListNamed(store.NamedQuery{Kind: store.KindStatus})
		if len(apis.Items) != len(sampleAPIs) || len(statuses.Items) != len(sampleStatuses) {
			t.Errorf("%d apis, %d statuses", len(apis.Items), len(statuses.Items))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestPopulateInterrupted ends it in the middle: what it says is there, is.
func TestPopulateInterrupted(t *testing.T) {
	dir, path := newDatabase(t)
	db := openDatabase(t, path)
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		before, _ := countTransactions(t, db)
		cmd := commandIn(t, dir, multiprocPath(t), "populate", "--database", path, "--transactions", "100000000")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		proctest.Eventually(t, "some transactions", func() bool {
			all, _ := countTransactions(t, db)
			return all > before
		})
		proctest.Kill(t, cmd.Process.Pid, signal)
		err := cmd.Wait()
		if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exitCode(exit.ExitCode()) != exitFailed {
			t.Errorf("%s: %v", signal, err)
		}
		var made int64
		if _, err := fmt.Sscanf(stderr.String(), "multiproc: populate: %d of 100000000 transactions are made: interrupted\n", &made); err != nil {
			t.Errorf("%s: %q: %v", signal, stderr.String(), err)
		}
		if all, _ := countTransactions(t, db); all != before+made || made == 0 {
			t.Errorf("%s: %d transactions are there, %d were before, and it says that it made %d", signal, all, before, made)
		}
	}
}

// TestPopulateShowsProgress where somebody watches.
func TestPopulateShowsProgress(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	s := startAtTerminal(t, dir, "populate", "--database", path, "--transactions", "20000")
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.press("\n")
	s.wait("\r\n")
	if screen, _ := s.look(); !strings.Contains(screen, "transactions") || !strings.Contains(screen, "%") {
		t.Errorf("the screen: %q", screen)
	}
}

// TestPopulateKeepsWhatIsThere uses an API of that name, however it is described.
func TestPopulateKeepsWhatIsThere(t *testing.T) {
	_, path := newDatabase(t)
	db := openDatabase(t, path)
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: sampleAPIs[0].name, Description: "mine"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if made, err := addSamples(t.Context(), db, newSampler(1, time.Now(), 100), progressOf(100)); made != 100 || err != nil {
		t.Fatal(made, err)
	}
	err = db.View(t.Context(), func(tx *store.Tx) error {
		api, err := tx.NamedByName(store.KindAPI, sampleAPIs[0].name)
		if api.Description != "mine" {
			t.Errorf("%+v", api)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if made, err := addSamples(stopped, db, newSampler(1, time.Now(), 100), progressOf(100)); made != 0 || !errors.Is(err, context.Canceled) {
		t.Error(made, err)
	}
}

// TestSamples are the same for a seed, but for the time, and look real: within the last 24 hours, with an amount and in
// every API and status about as often as its share says.
func TestSamples(t *testing.T) {
	const n = 20_000
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	samples := newSampler(7, now, n).next(n)
	later := newSampler(7, now.Add(time.Hour), n).next(n)
	for i := range later {
		later[i].Created = later[i].Created.Add(-time.Hour)
		later[i].Modified = later[i].Modified.Add(-time.Hour)
	}
	if !slices.Equal(samples, later) {
		t.Error("another time makes other transactions")
	}
	if slices.Equal(samples, newSampler(8, now, n).next(n)) {
		t.Error("another seed makes the same transactions")
	}
	apis, statuses, hours := map[string]int{}, map[string]int{}, [24]int{}
	for i, s := range samples {
		if i > 0 && s.Modified.Before(samples[i-1].Modified) {
			t.Fatalf("%+v is after %+v", s, samples[i-1])
		}
		if s.Amount <= 0 || s.Created.After(s.Modified) || s.Modified.After(now) || !s.Modified.After(now.Add(-24*time.Hour)) {
			t.Fatalf("%+v", s)
		}
		apis[s.API]++
		statuses[s.Status]++
		hours[int(now.Sub(s.Modified).Hours())]++
	}
	for _, a := range sampleAPIs {
		if share := apis[a.name] * 100 / n; share < a.share-2 || share > a.share+2 {
			t.Errorf("%s: %d%%, want %d%%", a.name, share, a.share)
		}
	}
	for _, st := range sampleStatuses {
		if share := statuses[st.name] * 1000 / n; share < st.share-9 || share > st.share+9 {
			t.Errorf("%s: %d of 1000, want %d", st.name, share, st.share)
		}
	}
	if quiet, busy := slices.Min(hours[:]), slices.Max(hours[:]); quiet == 0 || busy < 5*quiet {
		t.Errorf("no daily curve: %d", hours)
	}
}
