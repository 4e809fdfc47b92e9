package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// StatusClientGone counts a request whose client disconnected and reads no answer: no failure of the server. The code is
// nginx's.
const StatusClientGone = 499

// ClientGone reports whether the client of a request has disconnected.
func ClientGone(r *http.Request) bool {
	return errors.Is(context.Cause(r.Context()), context.Canceled) // by net/http, which gives no other cause
}

// Cancelled reports whether the server has given up a request, for example at its deadline.
func Cancelled(r *http.Request) bool { return r.Context().Err() != nil && !ClientGone(r) }

// LogFailure logs why a request failed, and returns the id of the log line.
func LogFailure(log *slog.Logger, r *http.Request, err error) (id string) {
	id = rand.Text()[:12]
	log.Error("request failed", "id", id, "method", r.Method, "path", r.URL.Path, "error", err)
	return id
}

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
