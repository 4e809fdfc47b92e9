package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/admin"
	"multiproc/worker/api"
)

// application is what the server ships with: transactions in a database, the API to them, the admin site, and what of
// them is on the page of metrics. Where no database is set there is none, and the application is nil.
type application struct {
	store *store.Store
	api   *api.API
	admin *admin.Admin
}

func openApplication(ctx context.Context, s service, metrics *mpmetrics.Writer) (*application, error) {
	cfg, log := s.cfg, s.log
	if cfg.Database == "" {
		return nil, nil //nolint:nilnil // see application
	}
	db, err := store.Open(ctx, cfg.Database, store.Options{Synchronous: cfg.DatabaseSynchronous, Timeout: cfg.DatabaseTimeout, Logger: log})
	if err != nil {
		return nil, err
	}
	if cfg.Debug {
		log.Warn("debug = true: pages of the admin site that fail show why, to whoever asks")
	}
	app := &application{store: db}
	if app.api, err = api.New(api.Config{Store: db, Metrics: metrics, Logger: log}); err != nil {
		return nil, errors.Join(fmt.Errorf("make the API: %w", err), db.Close())
	}
	app.admin, err = admin.New(admin.Config{Store: db, MetricsDir: s.metricsDir, Logger: log, Debug: cfg.Debug})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the admin site: %w", err), db.Close())
	}
	return app, nil
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

func (a *application) register(routes *http.ServeMux) {
	if a != nil {
		routes.Handle("/api/v1/", a.api)
		routes.Handle("/admin/", a.admin)
	}
}
