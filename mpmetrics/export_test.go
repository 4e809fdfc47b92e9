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

// SetCheckInterval sets the time between w's checks of its files.
func (w *Writer) SetCheckInterval(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkInterval = d
	w.checking.Reset(d)
}

// SetMaxFiles sets the maximum number of files that c reads.
func (c *Collector) SetMaxFiles(n int) { c.maxFiles = n }

// Check checks the files now.
func (w *Writer) Check() { w.check() }

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
