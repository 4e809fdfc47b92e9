package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

func workerCommand() *cli.Command {
	return &cli.Command{
		Name:            "worker",
		Usage:           "what a master starts; not for people",
		ArgsUsage:       "[-- PROGRAM ARG...]",
		Hidden:          true,
		SkipFlagParsing: true,
		Action:          runWorker,
	}
}

// runWorker is one worker's life: as another program, or as this one's own.
func runWorker(c *cli.Context) error {
	args := c.Args().Slice()
	if len(args) > 1 && args[0] == "--" {
		path, err := exec.LookPath(args[1])
		if err != nil {
			return err
		}
		return handoff.Become(path, args[1:])
	}
	if len(args) > 0 {
		return usageError{fmt.Errorf("worker: unexpected argument %q", args[0])}
	}
	if err := handoff.Address(); err != nil {
		return err
	}
	in, err := handoff.Inherit()
	if err != nil {
		return err
	}
	if in.Config == nil {
		return errors.Join(usageError{errors.New("worker: no settings: it is the master who starts workers")}, in.Close())
	}
	cfg, err := config.ParseSnapshot(in.Config)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	secrets, err := unpackSecrets(in.Secrets)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	showName(filepath.Base(os.Args[0]))
	direct := newLogger(cfg.LogFormat, os.Stderr).With("worker", in.Identity.ID)
	queue := newLogQueue(os.Stderr, direct)
	defer queue.close()
	return serve(c.Context, service{
		cfg:        cfg,
		inherited:  in,
		secrets:    secrets,
		identity:   in.Identity,
		metricsDir: os.Getenv(metricsDirVariable),
		log:        newLogger(cfg.LogFormat, queue).With("worker", in.Identity.ID),
		access:     direct,
	})
}

// showName is the name that ps and top show. The program was started through its descriptor, whose number they would
// show otherwise.
func showName(name string) {
	_ = os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", os.Getpid()), []byte(name), 0) // for people only
}

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
	collector := mpmetrics.NewCollector(s.metricsDir, mpmetrics.CollectorOptions{Logger: log, Gatherers: app.gatherers()})
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
