package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"multiproc/store"
)

// route is a method of a path. It has one of public, read and write.
type route struct {
	method, path string
	query        []string // the parameters that it knows

	public func(*request) (answer, error)            // asks nobody who they are
	read   func(*store.Tx, *request) (answer, error) // in a View
	write  func(*request) (answer, error)            // for tokens that may
}

func (a *API) routes() []route {
	const all, one = transactionsPath, transactionsPath + "/{id}"
	return slices.Concat([]route{
		{method: "GET", path: "/api/v1/openapi.json", public: description},
		{method: "GET", path: all, read: listTransactions, query: []string{"api", "status", "from", "until", "limit", "cursor"}},
		{method: "POST", path: all, write: a.createTransactions},
		{method: "GET", path: one, read: getTransaction},
		{method: "PATCH", path: one, write: a.changeTransaction},
		{method: "DELETE", path: one, write: a.deleteTransaction},
	}, a.catalogRoutes(apis()), a.catalogRoutes(statuses()))
}

// handler answers the requests of a route.
func (a *API) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := a.answer(&request{Request: r, w: w, route: route})
		if err != nil {
			result = a.failed(r, err)
		}
		result.write(w)
	})
}

func (a *API) answer(r *request) (result answer, err error) {
	route := &r.route
	if route.public != nil {
		return route.public(r)
	}
	err = a.store.View(r.Context(), func(tx *store.Tx) error {
		if err := r.authenticate(tx); err != nil {
			return err
		}
		if err := r.readQuery(); err != nil || route.read == nil {
			return err
		}
		var err error
		result, err = route.read(tx, r)
		return r.faults.judge("", err)
	})
	if err != nil || route.read != nil {
		return result, err
	}
	return route.write(r)
}

// statusClientGone is what a request is counted with whose client went away, and reads no answer: that is nobody's failure.
// The code is nginx's.
const statusClientGone = 499

// failed is the answer to a request that failed, whose cause it logs where that is not the client's.
func (a *API) failed(r *http.Request, err error) answer {
	switch cause := context.Cause(r.Context()); {
	case cause == nil:
	case errors.Is(cause, context.Canceled): // by net/http, which gives no cause
		return answer{status: statusClientGone}
	default: // the worker does not wait any longer
		return unavailable("the request was cancelled").answer()
	}
	p := problemOf(err)
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnavailable):
		a.outage.Tell(err)
	case p.Status == http.StatusInternalServerError:
		a.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	return p.answer()
}

// refuse answers with a problem.
func (a *API) refuse(p *problemError) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { p.answer().write(w) })
}

func methodNotAllowed(methods []string) *problemError {
	if slices.Contains(methods, "GET") {
		methods = append(methods, "HEAD")
	}
	slices.Sort(methods)
	allow := strings.Join(methods, ", ")
	return &problemError{
		Status: http.StatusMethodNotAllowed,
		Detail: "this path can do " + allow,
		header: http.Header{"Allow": {allow}},
	}
}
