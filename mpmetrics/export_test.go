package mpmetrics

import "time"

// SetRetry sets how long w waits before it looks for room again. It is meant for a Writer that has kept nothing in
// memory yet.
func (w *Writer) SetRetry(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.retry = d
}
