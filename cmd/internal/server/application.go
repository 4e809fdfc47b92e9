package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/admin"
	"multiproc/worker/api"
)

// application is the bundled application: transactions in a database, with an API and an admin site. A nil application is one
// without a database; it has no routes.
type application struct {
	store *store.Store
	api   *api.API
	admin *admin.Admin
}

func openApplication(ctx context.Context, p process, metrics *mpmetrics.Writer) (*application, error) {
	if p.cfg.Database == "" {
		return nil, nil //nolint:nilnil // see application
	}
	options := storeOptions(p.cfg)
	options.Logger = p.log
	db, err := store.Open(ctx, p.cfg.Database, options)
	if err != nil {
		return nil, err
	}
	if p.cfg.Debug {
		p.log.Warn("debug is on: failed pages of the admin site show the cause to everyone")
	}
	app := &application{store: db}
	if app.api, err = api.New(api.Config{Store: db, Metrics: metrics, Logger: p.log}); err != nil {
		return nil, errors.Join(fmt.Errorf("make the API: %w", err), db.Close())
	}
	app.admin, err = admin.New(admin.Config{Store: db, MetricsDir: p.metricsDir, Logger: p.log, Debug: p.cfg.Debug})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the admin site: %w", err), db.Close())
	}
	return app, nil
}

func storeOptions(cfg *config.Config) store.Options {
	return store.Options{Synchronous: cfg.DatabaseSynchronous, Timeout: cfg.DatabaseTimeout}
}

func (a *application) close() error {
	if a == nil {
		return nil
	}
	return a.store.Close()
}

// database returns the application's store, or nil.
func (a *application) database() *store.Store {
	if a == nil {
		return nil
	}
	return a.store
}

func (a *application) register(mux *http.ServeMux) {
	if a != nil {
		mux.Handle("/api/v1/", a.api)
		mux.Handle("/admin/", a.admin)
	}
}
