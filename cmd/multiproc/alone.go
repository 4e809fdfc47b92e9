package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"syscall"

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
	if err == nil {
		err = c.enter()
	}
	if err == nil {
		err = settleEnviron(c)
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
	ctx, release := c.aloneSignals(ctx)
	defer release()
	return serve(ctx, service{
		cfg:        c.cfg,
		inherited:  in,
		identity:   handoff.Identity{Slot: 1, ID: aloneID, Generation: 1},
		metricsDir: c.metricsDir,
		log:        c.log,
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

// aloneSignals ends the returned context by INT, and reopens the log by USR1. There is nothing to reload by HUP.
func (c *claim) aloneSignals(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT)
	others := make(chan os.Signal, 1)
	signal.Notify(others, syscall.SIGUSR1, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for s := range others {
			if s != syscall.SIGUSR1 {
				c.log.Info("signal has no meaning without a master", "signal", s.String())
			} else if err := c.reopen(); err != nil {
				c.log.Error("log cannot be opened anew, goes on to the old one", "error", err)
			}
		}
	}()
	return ctx, func() {
		stop()
		signal.Stop(others)
		close(others)
		<-ended
	}
}
