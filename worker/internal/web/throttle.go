package web

import (
	"sync"
	"time"
)

// throttleInterval is the shortest time between two log messages about one kind of failure.
const throttleInterval = 30 * time.Second

// Throttle bounds the log messages about a failure that any number of requests may have. The zero value is ready to use, from any
// number of goroutines.
type Throttle struct {
	mu    sync.Mutex
	quiet time.Time // no message before
	n     int       // failures since the last message
}

// Next counts a failure and reports whether it should be logged, with the number of failures since the last one that was.
func (t *Throttle) Next() (n int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	now := time.Now()
	if now.Before(t.quiet) {
		return 0, false
	}
	n, t.n, t.quiet = t.n, 0, now.Add(throttleInterval)
	return n, true
}
