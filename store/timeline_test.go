package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTimeline(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 7, 30, 0, time.UTC)
	s := openStore(t, Options{now: func() time.Time { return now }})
	update(t, s, func(tx *Tx) error {
		createNames(t, tx, "a", "b", "c")
		for _, made := range []struct {
			status string
			ago    time.Duration
		}{
			{"b", 0},
			{"b", 30 * time.Second}, // the beginning of this minute
			{"a", 29*time.Minute + 30*time.Second},
			{"a", 29*time.Minute + 31*time.Second}, // in the interval before
			{"a", time.Hour},
			{"b", 59*time.Minute + 30*time.Second},
			{"b", 59*time.Minute + 31*time.Second},
			{"c", 90*time.Minute - time.Microsecond}, // in the minute before the first interval
			{"c", 90 * time.Minute},
			{"c", 90*time.Minute + 10*time.Second},
			{"c", -time.Microsecond}, // the clock was set back
			{"c", -time.Minute},
		} {
			at := now.Add(-made.ago)
			if _, err := tx.CreateTransaction(Transaction{API: "a", Status: made.status, Created: at, Modified: at}); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, s, func(tx *Tx) error {
		got, err := tx.Timeline(3, 30, []string{"a", "b"})
		want := Timeline{
			Start: time.Date(2026, 3, 1, 10, 38, 0, 0, time.UTC), Each: 30 * time.Minute,
			Counts: map[string][]int64{"a": {1, 1, 1}, "b": {1, 1, 2}}, Others: []int64{1, 0, 0},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

// BenchmarkTimeline counts a day with 30 pairs of API and status in each minute.
func BenchmarkTimeline(b *testing.B) {
	s := openStore(b)
	update(b, s, func(tx *Tx) error { return insertMany(tx, 100_000, window) })
	for b.Loop() {
		view(b, s, func(tx *Tx) error {
			_, err := tx.Timeline(48, 30, []string{"Status 1", "Status 2", "Status 3", "Status 4", "Status 5"})
			return err
		})
	}
}
