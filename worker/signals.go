package worker

import (
	"os"
	"os/signal"
	"syscall"

	"multiproc/worker/handoff"
)

// ignoreSignals makes the process live on after signals that would end or stop it, until the returned function is called. They
// are caught rather than ignored: a program that a handler starts would inherit that they are ignored.
func ignoreSignals(identity handoff.Identity) (release func()) {
	ignored := make(chan os.Signal, 1) // nobody reads it, and a full one is passed over
	// The runtime ends a program that writes to descriptor 1 or 2 when nobody reads the log any more.
	signal.Notify(ignored, syscall.SIGPIPE)
	if identity != (handoff.Identity{}) {
		// They are the master's, and reach its workers only when they are sent to all by mistake.
		signal.Notify(ignored, syscall.SIGINT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
			syscall.SIGTTIN, syscall.SIGTTOU)
	}
	return func() { signal.Stop(ignored) }
}
