package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"multiproc/cmd/internal/config"
	"multiproc/cmd/internal/page"
	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// process holds what a process that serves requests has, whether it is a worker or standalone.
type process struct {
	cfg        *config.Config
	inherited  *handoff.Inherited
	secrets    *secrets
	identity   handoff.Identity
	metricsDir string
	log        *slog.Logger
	accessLog  *slog.Logger // its lines are waited for rather than dropped

	fastStop <-chan struct{} // see worker.Config; nil under a master
}

// serve serves until it is asked to stop. It closes what was inherited.
func (p process) serve(ctx context.Context) (err error) {
	metrics, err := mpmetrics.NewWriter(p.metricsDir, p.identity.ID, mpmetrics.WriterOptions{
		Logger:     p.log,
		MaxSeries:  p.cfg.MetricsMaxSeries,
		Slot:       int(p.identity.Slot),
		Generation: int(p.identity.Generation),
		Lenient:    p.cfg.Master, // which has checked the directory
	})
	if err != nil {
		return errors.Join(err, p.inherited.Close())
	}
	defer func() { err = errors.Join(err, metrics.Close()) }()
	app, err := openApplication(ctx, p, metrics)
	if err != nil {
		return errors.Join(err, p.inherited.Close())
	}
	defer func() { err = errors.Join(err, app.close()) }()
	collector := page.NewCollector(p.metricsDir, app.database(), p.log)
	defer collector.Close()

	routes := &routes{cfg: p.cfg, metrics: requireToken(p.secrets.MetricsToken, collector), app: app}
	conf := p.workerConfig()
	conf.Metrics = metrics
	if conf.TLS, err = p.secrets.tls(); err != nil {
		return errors.Join(err, p.inherited.Close())
	}
	if conf.Named, conf.NamedTLS, err = routes.named(p.log); err != nil {
		return errors.Join(err, p.inherited.Close())
	}
	err = worker.Run(ctx, conf, routes.main())
	if cut, ok := errors.AsType[*worker.CutError](err); ok && !p.cfg.Master {
		// The process was asked to stop, and no master counts the requests that it did not wait for.
		p.log.Warn("stopped before all requests were answered", "cut", cut.Requests)
		return nil
	}
	return err
}

// anonymousBodyTimeout limits the time for a request with a body until its client has logged in or shown its token.
const anonymousBodyTimeout = 10 * time.Second

// workerConfig translates the settings for package worker.
func (p process) workerConfig() worker.Config {
	cfg := p.cfg
	mercy := max(cfg.WorkerReloadMercy, cfg.StopMercy) // the master enforces the one that applies
	if !cfg.Master {
		mercy = cfg.StopMercy
	}
	var proxies worker.TrustedProxies
	for _, proxy := range cfg.TrustedProxies {
		if proxy.Network.IsValid() {
			proxies.Networks = append(proxies.Networks, proxy.Network)
		} else {
			proxies.Unix = true
		}
	}
	conf := worker.Config{
		Inherited:      p.inherited,
		TrustedProxies: proxies,
		Logger:         p.log,
		FastStop:       p.fastStop,
		Limits: &worker.Limits{
			MaxConnections:   cfg.MaxConnections,
			MaxHeader:        int(cfg.BufferSize),
			MaxBody:          cfg.LimitPost,
			HTTPTimeout:      cfg.HTTPTimeout,
			SocketTimeout:    cfg.SocketTimeout,
			BodyTimeout:      anonymousBodyTimeout,
			Harakiri:         cfg.Harakiri,
			HarakiriGrace:    cfg.HarakiriGracefulTimeout,
			MaxRequests:      cfg.MaxRequests,
			MaxRequestsDelta: cfg.MaxRequestsDelta,
			DrainIdle:        cfg.DrainIdle,
			DrainTimeout:     mercy,
		},
	}
	if !cfg.DisableLogging {
		conf.AccessLog = p.accessLog
	}
	if cfg.Logto != "" {
		conf.Reopen = func() error { return reopenLog(cfg.Logto) }
	}
	return conf
}
