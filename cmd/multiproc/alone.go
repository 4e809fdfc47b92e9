package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"multiproc/cmd/internal/cli"
	"multiproc/store"
	"multiproc/worker/handoff"
)

// aloneID is what a process without a master writes its metrics under: it is the only worker.
const aloneID = "w1"

// alone serves from this one process, with the same routes and nobody to supervise it.
func alone(ctx context.Context, c *claim) error {
	plans := &planner{first: c.cfg, metricsDir: c.metricsDir, activated: c.sockets.Activated()}
	sockets := append(plans.sockets(c.cfg), healthSockets(c.cfg)...)
	listeners, err := c.listen(sockets...)
	in := &handoff.Inherited{Listeners: listeners}
	var secrets *secrets
	if err == nil {
		if secrets, err = newSecretFiles(c.log).read(c.cfg); err != nil {
			err = cli.Usage(err)
		}
	}
	if err == nil {
		err = c.enter()
	}
	if err == nil {
		err = settleEnviron(c)
	}
	if err == nil && c.cfg.Database != "" && c.cfg.Migrate {
		err = migrateAlone(ctx, c)
	}
	if err != nil {
		return errors.Join(err, in.Close())
	}
	runtime.GOMAXPROCS(c.cfg.Threads)
	if c.pidfile != nil {
		if err := c.pidfile.Write(os.Getpid()); err != nil {
			c.log.Warn("pid cannot be written", "error", err)
		}
	}
	c.log.Info("serving without a master", "pid", os.Getpid())
	if url := urlOf(listeners, c.cfg.TLSCert != ""); url != "" {
		c.log.Info("to be seen in a browser", "url", url)
	}
	ctx, hurry, release := c.aloneSignals(ctx)
	defer release()
	return serve(ctx, service{
		cfg:        c.cfg,
		inherited:  in,
		secrets:    secrets,
		identity:   handoff.Identity{Slot: 1, ID: aloneID, Generation: 1},
		metricsDir: c.metricsDir,
		log:        c.log,
		access:     c.log,
		hurry:      hurry,
	})
}

// settleEnviron gives this process the variables that a worker would have.
func settleEnviron(c *claim) error {
	for _, name := range c.cfg.Unenv {
		if err := os.Unsetenv(name); err != nil {
			return err
		}
	}
	for _, v := range c.cfg.Env {
		if err := os.Setenv(v.Name, v.Value); err != nil {
			return err
		}
	}
	return os.Setenv(metricsDirVariable, c.metricsDir)
}

// aloneSignals makes signals mean what they mean to a master. TERM and QUIT end the returned context; INT, and any of
// them once more, also closes hurry: nothing is to be waited for. USR1 reopens the log. There is nothing to
// reload by HUP, nor are there workers to be more or fewer.
func (c *claim) aloneSignals(ctx context.Context) (stopped context.Context, hurry <-chan struct{}, release func()) {
	stopped, stop := context.WithCancelCause(ctx)
	fast := make(chan struct{})
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGINT, syscall.SIGUSR1,
		syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		asked, hurrying := false, false
		for s := range signals {
			switch s {
			case syscall.SIGUSR1:
				if err := c.reopen(); err != nil {
					c.log.Error("log cannot be opened anew, goes on to the old one", "error", err)
				}
			case syscall.SIGHUP, syscall.SIGUSR2, syscall.SIGTTIN, syscall.SIGTTOU:
				c.log.Info("signal has no meaning without a master", "signal", s.String())
			default:
				again := asked || s == syscall.SIGINT
				c.log.Info("stopping", "signal", s.String(), "fast", again)
				stop(fmt.Errorf("signal: %s", s))
				if again && !hurrying {
					close(fast)
				}
				asked, hurrying = true, hurrying || again
			}
		}
	}()
	return stopped, fast, func() {
		signal.Stop(signals)
		close(signals)
		<-ended
		stop(nil)
	}
}

// migrateAlone brings the database up to date for a server that is this process, with its privileges given up.
func migrateAlone(ctx context.Context, c *claim) error {
	options := store.Options{Synchronous: c.cfg.DatabaseSynchronous, Timeout: c.cfg.DatabaseTimeout}
	before, after, err := store.Migrate(ctx, c.cfg.Database, options)
	if err == nil && before != after {
		c.log.Info("database migrated", "path", c.cfg.Database, "from", before, "to", after)
	}
	return err
}
