package worker

import (
	"context"
	"fmt"
	"net/http"
	"os/signal"
	"sync"
	"syscall"

	"multiproc/worker/handoff"
)

// Run serves handler until it is told to stop: by SIGTERM, the end of ctx, or the end of the lifeline, which means that
// the master is gone. Then it drains. A nil handler is http.DefaultServeMux.
//
// It returns nil when all requests were answered, and a *CutError when some were not, at the drain's deadline or because
// the master (handoff.Cut) or Config.Hurry did not want to wait for them. All that it started has ended then, except handlers that do not
// return though their requests were cut.
//
// While it runs, SIGPIPE does not end the process, and SIGINT, SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN and SIGTTOU mean
// nothing to one that a master started. It may be called again, with other listeners.
func Run(ctx context.Context, cfg Config, handler http.Handler) error {
	in := cfg.Inherited
	if in == nil {
		var err error
		if in, err = handoff.Inherit(); err != nil {
			return err
		}
	}
	err := run(ctx, cfg.withDefaults(), in, handler)
	if closing := in.Close(); err == nil {
		err = closing
	}
	return err
}

func run(ctx context.Context, cfg Config, in *handoff.Inherited, handler http.Handler) error {
	defer ignoreSignals(in.Identity)()
	s, err := newServer(ctx, cfg, in, handler)
	if err != nil {
		return fmt.Errorf("start worker: %w", err)
	}
	ctx, stop := context.WithCancelCause(ctx)
	ctx, release := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer release()

	var background sync.WaitGroup
	ended := make(chan struct{})
	background.Go(func() { s.herald.keep(ended) })
	if s.process != nil {
		background.Go(func() { s.process.keep(ended) })
	}
	// Before the first word of the master, which may be that the log is to be reopened.
	if err := in.UseLog(); err != nil {
		cfg.Logger.Warn("cannot write to the log directly; the master passes it on", "error", err)
	}
	if in.Lifeline != nil {
		s.health.supervised.Store(true)
		background.Go(func() { s.listenToMaster(in.Lifeline, stop) })
	}
	if cfg.Hurry != nil {
		background.Go(func() { s.heedHurry(ended, stop) })
	}
	s.serve(stop)
	// Alive, too: from now on its silence means something.
	s.herald.announce(handoff.Notice{Ready: true, Alive: s.herald.watchdog > 0, Status: "serving"})

	<-ctx.Done()
	err = s.drain(context.Cause(ctx))
	close(ended)
	if in.Lifeline != nil {
		_ = in.Lifeline.Close() // which ends the wait for the master's words
	}
	background.Wait()
	return err
}
