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
	"log/slog"
	"net/http"

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
