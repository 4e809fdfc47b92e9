package web

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
)

// ID returns the id in the path of a request, the wildcard {id}. Only the canonical form of a positive number is one.
func ID(r *http.Request) (id int64, ok bool) {
	text := r.PathValue("id")
	id, err := strconv.ParseInt(text, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == text
}

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
