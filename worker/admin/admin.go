// Package admin is the admin site: everything below /admin/. People log in with a name and a password, and read or change what
// is in the database as far as their role allows.
//
// Pages are rendered on the server (html/template), work without JavaScript and load nothing from elsewhere. All routes, and the
// access that each needs, are in one table. A change and its entry in the audit log are one transaction of the database.
package admin

import (
	"html/template"
	"log/slog"
	"net/http"

	"multiproc/store"
	"multiproc/worker/internal/web"
)

// Config configures an Admin.
type Config struct {
	// Store is the database. It must stay open while requests are served.
	Store *store.Store
	// MetricsDir is the directory of the metric files that the site shows. Empty: none.
	MetricsDir string
	// Logger gets logins that fail, and failures that are not the client's fault. Nil discards them.
	Logger *slog.Logger
	// Debug shows internal errors in answers, for development.
	Debug bool
}

// Admin is the http.Handler of everything below /admin/. As an *http.ServeMux it sets the pattern of requests.
type Admin struct {
	store       *store.Store
	metricsDir  string
	log         *slog.Logger
	debug       bool
	outage      web.Throttle // of the database
	refusals    web.Throttle // of logins
	crossOrigin *http.CrossOriginProtection
	assets      map[string]asset
	pages       map[string]*template.Template
	navigation  []route
	mux         *web.Mux
}

// New returns an admin site. It fails only if its embedded files are faulty.
func New(c Config) (*Admin, error) {
	a := &Admin{
		store: c.Store, metricsDir: c.MetricsDir, log: c.Logger, debug: c.Debug,
		crossOrigin: http.NewCrossOriginProtection(),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if a.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if a.pages, err = a.loadPages(); err != nil {
		return nil, err
	}
	a.register()
	return a, nil
}

// ServeHTTP serves a request for a path below /admin/.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header()) // also of redirects by the mux
	a.mux.ServeHTTP(w, r)
}

// Handler returns the handler and the pattern of a request, as (*http.ServeMux).Handler does.
func (a *Admin) Handler(r *http.Request) (h http.Handler, pattern string) { return a.mux.Handler(r) }
