package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
	"multiproc/store"
	"multiproc/worker/api"
)

// application is what the server ships with: transactions in a database, the API to them, and what of them is
// on the page of metrics. Where no database is set there is none, and the application is nil.
type application struct {
	store *store.Store
	api   *api.API
	gauge *api.Gatherer
}

func openApplication(ctx context.Context, cfg *config.Config, metrics *mpmetrics.Writer, log *slog.Logger) (*application, error) {
	if cfg.Database == "" {
		return nil, nil //nolint:nilnil // see application
	}
	options := storeOptions(cfg)
	options.Logger = log
	db, err := store.Open(ctx, cfg.Database, options)
	if err != nil {
		return nil, err
	}
	handler, err := api.New(api.Config{Store: db, Metrics: metrics, Logger: log})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make the API: %w", err), db.Close())
	}
	return &application{store: db, api: handler, gauge: api.NewGatherer(db, log)}, nil
}

func (a *application) close() error {
	if a == nil {
		return nil
	}
	return a.store.Close()
}

// gatherers are what is on the page of metrics beside the metric files.
func (a *application) gatherers() []prometheus.Gatherer {
	if a == nil {
		return nil
	}
	return []prometheus.Gatherer{a.gauge}
}

func (a *application) register(routes *http.ServeMux) {
	if a != nil {
		routes.Handle("/api/v1/", a.api)
	}
}
