package dbtool

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"multiproc/store"
)

// TestAddSamples fills a database that has an API of one of the names already.
func TestAddSamples(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "app.db")
	if _, _, err := store.Migrate(t.Context(), path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.CreateNamed(store.Named{Kind: store.KindAPI, Name: sampleAPIs[0].name, Description: "mine"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	const n = populateBatch + 1
	if added, err := addSamples(t.Context(), db, newSampler(1, time.Now(), n), progressOf(n)); added != n || err != nil {
		t.Fatal(added, err)
	}
	err = db.View(t.Context(), func(tx *store.Tx) error {
		api, err := tx.NamedByName(store.KindAPI, sampleAPIs[0].name)
		all, countErr := tx.CountTransactions(store.TransactionFilter{})
		if api.Description != "mine" || all != n {
			t.Errorf("%+v, %d transactions", api, all)
		}
		return errors.Join(err, countErr)
	})
	if err != nil {
		t.Error(err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if added, err := addSamples(stopped, db, newSampler(1, time.Now(), n), progressOf(n)); added != 0 || !errors.Is(err, context.Canceled) {
		t.Error(added, err)
	}
}

// TestSampler checks that a seed determines the transactions, and that they look real: in the last 24 hours, with an amount,
// and with each API and status in proportion to its share.
func TestSampler(t *testing.T) {
	const n = 20_000
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	samples := newSampler(7, now, n).next(n)
	later := newSampler(7, now.Add(time.Hour), n).next(n)
	for i := range later {
		later[i].Created = later[i].Created.Add(-time.Hour)
		later[i].Modified = later[i].Modified.Add(-time.Hour)
	}
	if !slices.Equal(samples, later) {
		t.Error("another time gives other transactions")
	}
	if slices.Equal(samples, newSampler(8, now, n).next(n)) {
		t.Error("another seed gives the same transactions")
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
