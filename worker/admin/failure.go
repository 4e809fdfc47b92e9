package admin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"

	"multiproc/store"
)

// failure is why a request gets another page than it asked for.
type failure struct {
	status int
	detail string // a sentence or two, for people
	undone bool   // it is worth saying that nothing was changed
	header http.Header
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s", f.status, f.detail) }

// Failures that need no more to be said.
var (
	errNoPage      = &failure{status: http.StatusNotFound, detail: "There is nothing at this address. It may have been deleted."}
	errForbidden   = &failure{status: http.StatusForbidden, detail: "Your role does not allow this."}
	errCrossOrigin = &failure{status: http.StatusForbidden, detail: "This request was sent by another site, and is refused."}
	errSessionGone = &failure{status: http.StatusForbidden, detail: "Your session has ended: log in again.", undone: true}
)

// partlyError is why a request failed that had done some of what it does in portions. That stays done.
type partlyError struct {
	done string // a sentence
	err  error
}

func (e *partlyError) Error() string { return e.err.Error() }
func (e *partlyError) Unwrap() error { return e.err }

// outcome says what a request that failed has done.
func (f *failure) outcome(err error) string {
	if partly, ok := errors.AsType[*partlyError](err); ok {
		return partly.done
	}
	if f.undone {
		return "Nothing was changed."
	}
	return ""
}

// errNoSession says that whoever asks has to log in first.
var errNoSession = errors.New("nobody has logged in")

// statusClientGone is what a request is counted with whose client went away, and reads no answer: that is nobody's failure.
// The code is nginx's.
const statusClientGone = 499

// fail answers a request that failed, and logs why where that is not the client's doing.
func (r *request) fail(err error) {
	if r.w.begun { // half an answer must not pass for a whole one
		r.log(err)
		panic(http.ErrAbortHandler)
	}
	if errors.Is(context.Cause(r.Context()), context.Canceled) { // by net/http, which gives no cause
		r.w.WriteHeader(statusClientGone)
		return
	}
	if errors.Is(err, errNoSession) {
		r.sendToLogin()
		return
	}
	view := failureView{}
	f, ok := errors.AsType[*failure](err)
	switch {
	case ok:
	case errors.Is(err, store.ErrNotFound):
		f = errNoPage
	case errors.Is(err, store.ErrCrowded):
		f = &failure{
			status: http.StatusTooManyRequests,
			detail: "Too many passwords are being worked on: try again in a moment.",
			undone: true,
			header: http.Header{"Retry-After": {"2"}},
		}
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed), context.Cause(r.Context()) != nil:
		r.admin.outage.Tell(err)
		f = &failure{
			status: http.StatusServiceUnavailable,
			detail: "The database cannot be used at the moment. Try again soon.",
			undone: r.Method == http.MethodPost,
			header: http.Header{"Retry-After": {"5"}},
		}
	default:
		view.ID = r.log(err)
		f = &failure{status: http.StatusInternalServerError, detail: "Something went wrong here. It was logged.", undone: true}
	}
	if f.status >= http.StatusInternalServerError && r.admin.debug {
		view.Debug = err.Error()
	}
	r.w.Header().Del("Content-Disposition") // of what it is not
	maps.Copy(r.w.Header(), f.header)
	view.Status, view.Detail, view.Outcome = f.status, f.detail, f.outcome(err)
	if err := r.render(f.status, "error", page{Title: http.StatusText(f.status), Data: view}); err != nil {
		r.log(err)
		http.Error(r.w, http.StatusText(f.status), f.status)
	}
}

// failureView is what the page of a failure shows.
type failureView struct {
	Status  int
	Detail  string
	Outcome string // what was done of what was asked for
	ID      string // of the line in the log; empty: there is none
	Debug   string // what it failed for
}

// log logs what a request failed for, by an id.
func (r *request) log(err error) (id string) {
	id = rand.Text()[:12]
	r.admin.log.Error("a request failed", "id", id, "method", r.Method, "path", r.URL.Path, "error", err)
	return id
}

// recover is deferred around a request. The client of one that panicked is told no more of it than of other failures.
func (r *request) recover() {
	switch value := recover(); value {
	case nil:
	case http.ErrAbortHandler:
		panic(value)
	default:
		r.fail(&panicError{value, string(debug.Stack())})
	}
}

// panicError is a panic of a handler.
type panicError struct {
	value any
	stack string
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v\n%s", e.value, e.stack) }
