// Package api is the JSON API of transactions, and of the APIs and statuses that they are made with: everything under
// /api/v1/, which /api/v1/openapi.json describes.
//
// Errors are application/problem+json (RFC 9457). All that is wrong with a request by itself is told at once, and only of one
// with which nothing is, what the database finds wrong, at once too. What a request changes is one transaction of the database
// and answered after its commit; but many transactions are deleted with their API or status in portions. With an Idempotency-Key it
// is done once, however often and to whichever worker the request is sent.
//
// What is done is recorded in the audit log, in the same transaction, as done by the token; but for the creation of
// transactions, which come by the thousands a second: these have their token themselves.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/store"
)

// Config is what New is told.
type Config struct {
	// Store is the database. It must stay open as long as requests are served.
	Store *store.Store
	// Metrics makes the counter api_transactions_recorded_total{api,status}, whose name must be free. Nil: nothing is counted.
	Metrics *mpmetrics.Writer
	// Logger gets what requests fail for that is not their fault. Nil discards.
	Logger *slog.Logger
}

// API is the http.Handler of everything under /api/v1/. As an *http.ServeMux it gives requests the pattern of their route.
type API struct {
	store    *store.Store
	log      *slog.Logger
	outage   *store.Outage
	recorded *prometheus.CounterVec // nil: not counted
	mux      http.ServeMux
}

// New makes an API. It fails when its counter's name is taken.
func New(c Config) (*API, error) {
	a := &API{store: c.Store, log: c.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.outage = store.NewOutage(a.log)
	if c.Metrics != nil {
		var err error
		if a.recorded, err = newRecorded(c.Metrics); err != nil {
			return nil, err
		}
	}
	allowed := map[string][]string{}
	for _, r := range a.routes() {
		a.mux.Handle(r.method+" "+r.path, a.handler(r))
		allowed[r.path] = append(allowed[r.path], r.method)
	}
	for path, methods := range allowed {
		a.mux.Handle(path, a.refuse(methodNotAllowed(methods)))
	}
	a.mux.Handle("/api/v1/", a.refuse(&problemError{Status: http.StatusNotFound, Detail: "there is nothing at this path"}))
	return a, nil
}

// ServeHTTP answers a request for a path under /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Handler is where a request goes, as (*http.ServeMux).Handler.
func (a *API) Handler(r *http.Request) (h http.Handler, pattern string) { return a.mux.Handler(r) }

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
