package api

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"multiproc/store"
	"multiproc/worker"
	"multiproc/worker/internal/web"
)

// route is a method of a path. Exactly one of public, read and write is set.
type route struct {
	method, path string
	query        []string // known parameters

	public func(*request) (answer, error)            // needs no token
	read   func(*store.Tx, *request) (answer, error) // in a View
	write  func(*request) (answer, error)            // needs a token that may write
}

func routes() []route {
	const all, one = transactionsPath, transactionsPath + "/{id}"
	return slices.Concat([]route{
		{method: "GET", path: "/api/v1/openapi.json", public: description},
		{method: "GET", path: all, read: listTransactions, query: []string{"api", "status", "from", "until", "limit", "cursor"}},
		{method: "POST", path: all, write: createTransactions},
		{method: "GET", path: one, read: getTransaction},
		{method: "PATCH", path: one, write: changeTransaction},
		{method: "DELETE", path: one, write: deleteTransaction},
	}, apis().routes(), statuses().routes())
}

// handler serves a route.
func (a *API) handler(route route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		result, err := a.answer(&request{Request: r, api: a, w: w, route: route})
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
		if err := r.readQuery(); err != nil {
			return err
		}
		if r.id = web.ID(r.Request); r.id == 0 && strings.Contains(route.path, "{id}") {
			return &problemError{Status: http.StatusNotFound, Detail: "the path does not end in an id"}
		}
		if route.read == nil {
			return nil
		}
		var err error
		result, err = route.read(tx, r)
		return r.faults.problemOr("", err)
	})
	if err != nil || route.read != nil {
		return result, err
	}
	worker.LimitBody(r.Context(), 0) // the client is known
	return route.write(r)
}

// failed returns the answer to a request that failed, and logs a cause that is not the client's.
func (a *API) failed(r *http.Request, err error) answer {
	switch {
	case web.ClientGone(r) && !errors.Is(err, errSlowBody): // for net/http, a client that is too slow has gone
		return answer{status: web.StatusClientGone}
	case web.Cancelled(r):
		return unavailable("the request was cancelled").answer()
	}
	p := problemOf(err)
	switch {
	case errors.Is(err, store.ErrBusy), errors.Is(err, store.ErrUnavailable):
		if n, ok := a.outage.Next(); ok {
			a.log.Error("database unavailable", "requests", n, "error", err)
		}
	case p.Status == http.StatusInternalServerError:
		p.Detail += ": see the log entry " + web.LogFailure(a.log, r, err)
	}
	return p.answer()
}

// refuse answers a request that no route takes; see web.NewMux.
func refuse(w http.ResponseWriter, _ *http.Request, allow string) {
	p := &problemError{Status: http.StatusNotFound, Detail: "no such path"}
	if allow != "" {
		p = &problemError{
			Status: http.StatusMethodNotAllowed, Detail: "allowed methods: " + allow, header: http.Header{"Allow": {allow}},
		}
	}
	p.answer().write(w)
}
