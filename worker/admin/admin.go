// Package admin is the admin site: everything under /admin/. People log in with a name and a password and look at what is
// in the database, or change it, as far as their role goes.
//
// A page is made on the server (html/template) and needs no JavaScript. Nothing comes from elsewhere: the style is embedded.
// Which routes there are and who may take them is one table, and what a request changes is one transaction
// of the database together with what the audit log says of it.
package admin

import (
	"html/template"
	"log/slog"
	"net/http"

	"multiproc/store"
)

// Config is what New is told.
type Config struct {
	// Store is the database. It must stay open as long as requests are served.
	Store *store.Store
	// MetricsDir is the directory of the metric files, which the site shows. Empty: there is none to be shown.
	MetricsDir string
	// Logger gets what requests fail for that is not their fault. Nil discards.
	Logger *slog.Logger
	// Debug shows in the answer what a request failed for. It is for development: what it shows is nobody else's business.
	Debug bool
}

// Admin is the http.Handler of everything under /admin/. As an *http.ServeMux it gives requests the pattern of their route.
type Admin struct {
	store       *store.Store
	metricsDir  string
	log         *slog.Logger
	debug       bool
	outage      *store.Outage
	refusals    refusals
	crossOrigin *http.CrossOriginProtection
	assets      map[string]asset
	pages       map[string]*template.Template
	navigation  []route
	methods     []string // that routes have
	mux         http.ServeMux
}

// New makes an admin site. It fails only where its own files are faulty, as no test lets them be.
func New(c Config) (*Admin, error) {
	a := &Admin{
		store: c.Store, metricsDir: c.MetricsDir, log: c.Logger, debug: c.Debug,
		crossOrigin: http.NewCrossOriginProtection(),
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	a.outage = store.NewOutage(a.log)
	var err error
	if a.assets, err = loadAssets(); err != nil {
		return nil, err
	}
	if a.pages, err = a.loadPages(); err != nil {
		return nil, err
	}
	a.register(a.routes())
	return a, nil
}

// ServeHTTP answers a request for a path under /admin/.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header()) // also where it is the mux that answers, by a redirect
	a.mux.ServeHTTP(w, r)
}

// Handler is where a request goes, as (*http.ServeMux).Handler.
func (a *Admin) Handler(r *http.Request) (h http.Handler, pattern string) { return a.mux.Handler(r) }
