package store

import (
	"sync/atomic"
	"testing"
	"time"
)

// TestIdleUpkeep has nobody write while the clock goes on.
func TestIdleUpkeep(t *testing.T) {
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
	for range 3 { // one may have begun before, and of the next one it is known only that it commits
		select {
		case <-commits:
		case <-time.After(10 * time.Second):
			t.Fatal("nothing is done where nobody writes")
		}
	}
	if after := number(t, s, until); after != before+120 {
		t.Errorf("the window was moved by %d minutes, want 120", after-before)
	}
}
