package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"multiproc/cmd/internal/config"
	metricspage "multiproc/cmd/internal/page"
	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// service is what a process serves with.
type service struct {
	cfg        *config.Config
	inherited  *handoff.Inherited
	secrets    *secrets
	identity   handoff.Identity
	metricsDir string
	log        *slog.Logger
	access     *slog.Logger // of requests, whose lines are waited for rather than lost

	hurry <-chan struct{} // see worker.Config; nil where there is a master
}

// config is what the settings are to package worker.
func (s service) config() worker.Config {
	cfg := s.cfg
	mercy := max(cfg.WorkerReloadMercy, cfg.StopMercy) // which of them it is, the master sees to
	if !cfg.Master {
		mercy = cfg.StopMercy
	}
	var proxies worker.TrustedProxies
	for _, p := range cfg.TrustedProxies {
		if p.Network.IsValid() {
			proxies.Networks = append(proxies.Networks, p.Network)
		} else {
			proxies.Unix = true
		}
	}
	return worker.Config{
		Inherited:        s.inherited,
		TrustedProxies:   proxies,
		Logger:           s.log,
		MaxConnections:   cfg.MaxConnections,
		MaxHeader:        int(cfg.BufferSize),
		MaxBody:          cfg.LimitPost,
		HTTPTimeout:      timeLimit(cfg.HTTPTimeout),
		SocketTimeout:    timeLimit(cfg.SocketTimeout),
		Harakiri:         cfg.Harakiri,
		HarakiriGrace:    timeLimit(cfg.HarakiriGracefulTimeout),
		MaxRequests:      cfg.MaxRequests,
		MaxRequestsDelta: cfg.MaxRequestsDelta,
		DrainIdle:        timeLimit(cfg.DrainIdle),
		DrainTimeout:     timeLimit(mercy),
		Hurry:            s.hurry,
	}
}

// timeLimit is a time of the settings as worker.Config has it, where 0 is a default. What 0 is in the settings, no limit or
// no time, a negative one is there.
func timeLimit(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// serve serves until it is told to stop. It closes what is inherited.
func serve(ctx context.Context, s service) (err error) {
	cfg, log := s.cfg, s.log
	metrics, err := mpmetrics.NewWriter(s.metricsDir, s.identity.ID, mpmetrics.WriterOptions{
		Logger:     log,
		MaxSeries:  cfg.MetricsMaxSeries,
		Slot:       int(s.identity.Slot),
		Generation: int(s.identity.Generation),
	})
	if err != nil {
		return errors.Join(err, s.inherited.Close())
	}
	defer func() { err = errors.Join(err, metrics.Close()) }()
	app, err := openApplication(ctx, s, metrics)
	if err != nil {
		return errors.Join(err, s.inherited.Close())
	}
	defer func() { err = errors.Join(err, app.close()) }()
	collector := metricspage.NewCollector(s.metricsDir, app.database(), log)
	defer collector.Close()

	site := newSite(cfg, requireToken(s.secrets.MetricsToken, collector), app)
	conf := s.config()
	conf.Metrics = metrics
	if conf.TLS, err = s.secrets.tls(); err != nil {
		return errors.Join(err, s.inherited.Close())
	}
	if conf.Named, conf.NamedTLS, err = site.named(log); err != nil {
		return errors.Join(err, s.inherited.Close())
	}
	if !cfg.DisableLogging {
		conf.AccessLog = s.access
	}
	if cfg.Logto != "" {
		conf.Reopen = func() error { return openLog(cfg.Logto) }
	}
	err = worker.Run(ctx, conf, site.main())
	if cut, ok := errors.AsType[*worker.CutError](err); ok && !cfg.Master {
		// It was asked to stop, and there is no master to count the requests that it did not wait for.
		log.Warn("stopped before all requests were answered", "cut", cut.Requests)
		return nil
	}
	return err
}
