package admin

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"runtime/debug"

	"multiproc/store"
	"multiproc/worker/internal/web"
)

// failure is why a request gets another page than it asked for.
type failure struct {
	status int
	detail string // a sentence or two, for people
	undone bool   // the page says that nothing was changed
	header http.Header
}

func (f *failure) Error() string { return fmt.Sprintf("%d %s", f.status, f.detail) }

// Failures that need no details.
var (
	errNoPage      = &failure{status: http.StatusNotFound, detail: "This page does not exist. It may have been deleted."}
	errForbidden   = &failure{status: http.StatusForbidden, detail: "Your role does not allow this."}
	errCrossOrigin = &failure{status: http.StatusForbidden, detail: "This request came from another site and was refused."}
	errSlowForm    = &failure{
		status: http.StatusRequestTimeout, detail: "The form took too long to arrive.", undone: true, header: http.Header{"Connection": {"close"}},
	}
	errSessionGone = &failure{status: http.StatusForbidden, detail: "Your session has ended. Log in again.", undone: true}
)

// partlyError is the failure of a request after some of its batches, which stay done.
type partlyError struct {
	done string // a sentence
	err  error
}

func (e *partlyError) Error() string { return e.err.Error() }
func (e *partlyError) Unwrap() error { return e.err }

// outcome describes what a failed request has done.
func (f *failure) outcome(err error) string {
	if partly, ok := errors.AsType[*partlyError](err); ok {
		return partly.done
	}
	if f.undone {
		return "Nothing was changed."
	}
	return ""
}

// errNoSession reports that the browser must log in first.
var errNoSession = errors.New("no session")

// failureOf returns the failure that the user sees for an error, and whether it is known what went wrong.
func (r *request) failureOf(err error) (f *failure, known bool) {
	if f, ok := errors.AsType[*failure](err); ok {
		return f, true
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errNoPage, true
	case errors.Is(err, store.ErrCrowded):
		return &failure{
			status: http.StatusTooManyRequests, undone: true, header: http.Header{"Retry-After": {"2"}},
			detail: "Too many passwords are being processed. Try again in a moment.",
		}, true
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrClosed), web.Cancelled(r.Request):
		if n, ok := r.admin.outage.Next(); ok {
			r.admin.log.Error("database unavailable", "requests", n, "error", err)
		}
		return &failure{
			status: http.StatusServiceUnavailable, undone: r.Method == http.MethodPost, header: http.Header{"Retry-After": {"5"}},
			detail: "The database is temporarily unavailable. Try again soon.",
		}, true
	}
	return &failure{status: http.StatusInternalServerError, undone: true, detail: "Something went wrong. It was logged."}, false
}

// fail answers a failed request, and logs a cause that is not the client's.
func (r *request) fail(err error) {
	if r.w.begun { // the client must not take half an answer for a whole one
		r.log(err)
		panic(http.ErrAbortHandler)
	}
	if web.ClientGone(r.Request) && !errors.Is(err, errSlowForm) { // for net/http, a client that is too slow has gone
		r.w.WriteHeader(web.StatusClientGone)
		return
	}
	if errors.Is(err, errNoSession) {
		r.sendToLogin()
		return
	}
	f, known := r.failureOf(err)
	view := failureView{Detail: f.detail, Outcome: f.outcome(err)}
	if !known {
		view.ID = r.log(err)
	}
	if f.status >= http.StatusInternalServerError && r.admin.debug {
		view.Debug = err.Error()
	}
	r.w.Header().Del("Content-Disposition") // of a download
	maps.Copy(r.w.Header(), f.header)
	if err := r.render(f.status, "error", page{Title: http.StatusText(f.status), Data: view}); err != nil {
		r.log(err)
		http.Error(r.w, http.StatusText(f.status), f.status)
	}
}

// failureView is the page of a failure.
type failureView struct {
	Detail  string
	Outcome string // what was done
	ID      string // of the log entry; empty: none
	Debug   string // the error
}

// log logs why a request failed, and returns the id of the log entry.
func (r *request) log(err error) (id string) { return web.LogFailure(r.admin.log, r.Request, err) }

// recover is deferred around a request. A panic is answered as any other unknown failure.
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
