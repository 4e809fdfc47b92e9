package store

import (
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestIdleMaintenance: maintenance is done even if there are no updates.
func TestIdleMaintenance(t *testing.T) {
	var hours atomic.Int64
	commits := make(chan struct{}, 1)
	s := openStore(t, Options{
		now:  func() time.Time { return time.Unix(1_700_000_000, 0).Add(time.Duration(hours.Load()) * time.Hour) },
		idle: 10 * time.Millisecond,
		committing: func() {
			select {
			case commits <- struct{}{}:
			default:
			}
		},
	})
	update(t, s, func(*Tx) error { return nil })
	const until = "SELECT until FROM counts_window"
	before := number(t, s, until)
	hours.Store(2)
	for range 3 { // the first may have begun before, and the second may not be committed yet
		select {
		case <-commits:
		case <-time.After(10 * time.Second):
			t.Fatal("no maintenance without updates")
		}
	}
	if after := number(t, s, until); after != before+120 {
		t.Errorf("the window was moved by %d minutes, want 120", after-before)
	}
}

// TestMaintenance: the first update of a minute does the work of that minute, and later ones the rest.
func TestMaintenance(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix())
	var log strings.Builder
	s := openStore(t, Options{now: func() time.Time { return time.Unix(now.Load(), 0) }, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const answers = 2*expiredAtOnce + 1
	update(t, s, func(tx *Tx) error {
		for i := range answers {
			if err := tx.KeepAnswer(IdempotencyKey{Token: 1, Key: fmt.Sprint(i)}, Answer{Status: 201}); err != nil {
				return err
			}
		}
		return nil
	})
	now.Add(int64(answersKept/time.Second) + 60)
	left := int64(answers)
	for _, want := range []int64{left - expiredAtOnce, left - 2*expiredAtOnce, 0, 0} {
		update(t, s, func(*Tx) error { return nil })
		if n := number(t, s, "SELECT COUNT(*) FROM idempotency_keys"); n != want {
			t.Fatalf("%d old answers are left, want %d", n, want)
		}
	}
	since := number(t, s, "SELECT since FROM counts_window")
	if want := (now.Load() - int64(window/time.Second)) / 60; since < want || since > want+1 {
		t.Errorf("the window begins in minute %d, want %d", since, want)
	}

	// Its failure fails no update, and is logged once a minute.
	execIn(t, s, "DROP TABLE counts_window")
	now.Add(60)
	for range 2 {
		update(t, s, newAPI(fmt.Sprint("a", time.Now())))
	}
	if n := strings.Count(log.String(), "database maintenance failed"); n != 1 {
		t.Errorf("it is logged %d times, want once: %s", n, &log)
	}
}
