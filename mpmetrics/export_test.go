package mpmetrics

import (
	"testing"
	"time"
)

// SetRetry sets how long w waits before it looks for room again. The Writer must not have kept anything in memory yet.
func (w *Writer) SetRetry(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retry = d
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
