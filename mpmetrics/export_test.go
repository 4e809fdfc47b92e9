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

// SetCheckInterval sets how long w waits before it looks at its files again.
func (w *Writer) SetCheckInterval(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkInterval = d
	w.checking.Reset(d)
}

// SetMaxFiles sets the number of files that c reads at most.
func (c *Collector) SetMaxFiles(n int) { c.maxFiles = n }

// Check looks at the files now.
func (w *Writer) Check() { w.check() }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
