package proctest

import (
	"testing"
	"time"
)

// Patience limits the wait of a test for an event that must come at once. It is long, since machines are shared. No test waits this
// long for something that must not happen.
const Patience = 30 * time.Second

// Eventually waits until is returns true. It polls, so it is for conditions without an event to wait for.
func Eventually(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	deadline := time.Now().Add(Patience)
	for !is() {
		if time.Now().After(deadline) {
			tb.Fatalf("not within %s: %s", Patience, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}
