package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"syscall"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/store"
	"multiproc/worker/handoff"
)

// standaloneID is the id of the metric files of a process without a master: it is the only worker.
const standaloneID = "w1"

// runStandalone serves from this process, without a master, the same routes as a worker.
func runStandalone(ctx context.Context, in *instance) error {
	sockets, err := findSockets(in.cfg, in.sockets)
	if err != nil {
		return cli.Usage(err)
	}
	listeners, err := in.listen(slices.Concat(sockets.workers, sockets.metrics, sockets.health)...)
	if err != nil {
		return err
	}
	in.closeUnused()
	inherited := &handoff.Inherited{Listeners: listeners}
	in.logFirstSteps("--database=" + in.cfg.Database)
	secrets, err := in.prepareStandalone(ctx)
	if err != nil {
		return errors.Join(err, inherited.Close())
	}
	runtime.GOMAXPROCS(in.cfg.Threads)
	if in.pidfile != nil {
		if err := in.pidfile.Write(os.Getpid()); err != nil {
			in.log.Warn("cannot write the pidfile", "error", err)
		}
	}
	in.log.Info("serving without a master", "pid", os.Getpid())
	if url := browserURL(listeners, in.cfg.TLSCert != ""); url != "" {
		in.log.Info("ready for browsers", "url", url)
	}
	ctx, fastStop, release := in.handleSignals(ctx)
	defer release()
	p := process{
		cfg:        in.cfg,
		inherited:  inherited,
		secrets:    secrets,
		identity:   handoff.Identity{Slot: 1, ID: standaloneID, Generation: 1},
		metricsDir: in.metricsDir,
		log:        in.log,
		accessLog:  in.log,
		fastStop:   fastStop,
	}
	return p.serve(ctx)
}

// prepareStandalone does what a master does before it starts workers.
func (in *instance) prepareStandalone(ctx context.Context) (*secrets, error) {
	secrets, err := newSecretFiles(in.log).read(in.cfg)
	if err != nil {
		return nil, cli.Usage(err)
	}
	if err := in.enter(); err != nil {
		return nil, err
	}
	if err := checkMetricsAuth(in.cfg.MetricsAuthFile); err != nil { // as the user that will read it
		return nil, cli.Usage(err)
	}
	if err := in.setEnvironment(); err != nil {
		return nil, err
	}
	if in.cfg.Database == "" || !in.cfg.Migrate {
		return secrets, nil
	}
	before, after, err := store.Migrate(ctx, in.cfg.Database, storeOptions(in.cfg))
	if err == nil && before != after {
		in.log.Info("database migrated", "path", in.cfg.Database, "from", before, "to", after)
	}
	return secrets, err
}

// setEnvironment sets the variables that a worker would have.
func (in *instance) setEnvironment() error {
	for _, name := range in.cfg.Unenv {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	for _, v := range in.cfg.Env {
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return err
		}
	}
	return os.Setenv(config.MetricsDirVariable, in.metricsDir)
}

// handleSignals gives signals the meaning they have for a master. TERM and QUIT cancel the returned context; INT, and a second
// TERM or QUIT, also close fastStop: requests are not waited for. USR1 reopens the log. There is nothing to reload on HUP, and no
// number of workers to change. After the release the signals stay caught, without effect: one that arrives before the exit would
// change the exit code.
func (in *instance) handleSignals(ctx context.Context) (stopped context.Context, fastStop <-chan struct{}, release func()) {
	stopped, stop := context.WithCancelCause(ctx)
	fast := make(chan struct{})
	signals := make(chan os.Signal, 8)
	handled := []os.Signal{
		syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGUSR1,
		syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU,
	}
	signal.Notify(signals, handled...)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		stopping, closed := false, false
		for s := range signals {
			switch s {
			case syscall.SIGUSR1:
				if err := in.reopenLog(); err != nil {
					in.log.Error("cannot reopen the log, keeping the old one", "error", err)
				}
			case syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU:
				in.log.Info("signal ignored without a master", "signal", s.String())
			default:
				again := stopping || s == syscall.SIGINT
				in.log.Info("stopping", "signal", s.String(), "fast", again)
				stop(fmt.Errorf("signal: %s", s))
				if again && !closed {
					close(fast)
				}
				stopping, closed = true, closed || again
			}
		}
	}()
	return stopped, fast, func() {
		signal.Notify(make(chan os.Signal, 1), handled...)
		signal.Stop(signals)
		close(signals)
		<-ended
		stop(nil)
	}
}
