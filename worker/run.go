package worker

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"multiproc/worker/handoff"
)

// Run serves handler until it is stopped: by SIGTERM, by the end of ctx, by Config.FastStop, or by the end of the lifeline, which
// means that the master is gone. Then it drains. A nil handler is http.DefaultServeMux.
//
// It returns nil if all requests were answered, and a *CutError if some were not: because Limits.DrainTimeout passed, or because
// the master (handoff.Cut) or Config.FastStop did not allow more time. By then, everything that it started has ended, except
// handlers that do not return although their requests were cut.
//
// While it runs, SIGPIPE does not end the process. In a process that a master started, neither do SIGINT, SIGHUP, SIGUSR1,
// SIGUSR2, SIGTTIN and SIGTTOU. Run may be called again, with other listeners.
func Run(ctx context.Context, cfg Config, handler http.Handler) error {
	in := cfg.Inherited
	if in == nil {
		var err error
		if in, err = handoff.Inherit(); err != nil {
			return err
		}
	}
	err := run(ctx, cfg.withDefaults(), in, handler)
	if closeErr := in.Close(); err == nil {
		err = closeErr
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
	background.Go(func() { s.notify.run(ended) })
	if s.process != nil {
		background.Go(func() { s.process.run(ended) })
	}
	// Before the first message of the master, which may be to reopen the log.
	if err := in.UseLog(); err != nil {
		cfg.Logger.Warn("cannot write to the log file, writing through the master", "error", err)
	}
	if in.Lifeline != nil {
		s.health.masterAlive.Store(true)
		background.Go(func() { s.obeyMaster(in.Lifeline, stop) })
	}
	if cfg.FastStop != nil {
		background.Go(func() { s.obeyFastStop(ended, stop) })
	}
	s.serve(stop)
	// Alive as well: from now on, silence means that the worker hangs.
	s.notify.send(handoff.Notice{Ready: true, Alive: s.notify.watchdog > 0, Status: "serving"})

	<-ctx.Done()
	err = s.drain(context.Cause(ctx))
	close(ended)
	if in.Lifeline != nil {
		_ = in.Lifeline.Close() // ends obeyMaster
	}
	background.Wait()
	return err
}

// ignoreSignals keeps signals from ending or stopping the process until release is called. They are caught, not ignored:
// a program that a handler starts would inherit that they are ignored.
func ignoreSignals(identity handoff.Identity) (release func()) {
	ignored := make(chan os.Signal, 1) // nothing reads it; signals that do not fit are dropped
	// The runtime ends a program that writes to descriptor 1 or 2 after the reader of the log is gone.
	signal.Notify(ignored, syscall.SIGPIPE)
	if identity != (handoff.Identity{}) {
		// They are meant for the master, and reach workers only if they are sent to the whole process group.
		signal.Notify(ignored, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
			syscall.SIGTTIN, syscall.SIGTTOU)
	}
	return func() { signal.Stop(ignored) }
}
