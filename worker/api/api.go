// Package api is the JSON API of transactions, APIs and statuses: everything below /api/v1/, as described by
// /api/v1/openapi.json.
//
// Errors are application/problem+json (RFC 9457). Everything that is wrong with a request by itself is reported at once; if
// nothing is, everything that the database finds wrong with it. A request is one transaction of the database, answered after its
// commit, except that the transactions of an API or a status are deleted with it in batches. A request with an Idempotency-Key is
// done once, however often it is sent and to whichever worker.
//
// Changes are recorded in the audit log, in the same transaction, as done by the token. The creation of transactions is not, as
// they come by the thousands per second: each has its token instead.
package api

import (
	_ "embed"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/internal/web"
)

// Config configures an API.
type Config struct {
	// Store is the database. It must stay open while requests are served.
	Store *store.Store
	// Metrics gets the counter api_transactions_recorded_total{api,status}, whose name must be free. Nil: nothing is counted.
	Metrics *mpmetrics.Writer
	// Logger gets failures that are not the client's fault. Nil discards them.
	Logger *slog.Logger
}

// API is the http.Handler of everything below /api/v1/. As an *http.ServeMux it sets the pattern of requests.
type API struct {
	store    *store.Store
	log      *slog.Logger
	outage   web.Throttle           // of the database
	recorded *prometheus.CounterVec // nil: not counted
	mux      *web.Mux
}

// New returns an API. It fails if the name of its counter is taken.
func New(c Config) (*API, error) {
	a := &API{store: c.Store, log: c.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if c.Metrics != nil {
		var err error
		if a.recorded, err = newRecorded(c.Metrics); err != nil {
			return nil, err
		}
	}
	var table []web.Route
	for _, r := range routes() {
		table = append(table, web.Route{Method: r.method, Path: r.path, Handler: a.handler(r)})
	}
	a.mux = web.NewMux("/api/v1/", table, refuse)
	return a, nil
}

// ServeHTTP serves a request for a path below /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Handler returns the handler and the pattern of a request, as (*http.ServeMux).Handler does.
func (a *API) Handler(r *http.Request) (h http.Handler, pattern string) { return a.mux.Handler(r) }

// openAPI is the description of the API. Tests compare it with the routes and with their answers.
//
//go:embed openapi.json
var openAPI []byte

func description(*request) (answer, error) {
	return answer{status: http.StatusOK, body: openAPI}, nil
}
