package worker

import (
	"log/slog"
	"sync/atomic"
	"time"

	"multiproc/worker/handoff"
)

// notify sends the worker's state to its manager: the master, or systemd.
type notify struct {
	notifier *handoff.Notifier
	log      *slog.Logger
	watchdog time.Duration // the longest interval between two messages; 0: there is no watchdog

	stopping atomic.Bool   // the worker drains or needs a replacement
	stuck    atomic.Bool   // a handler hangs
	changed  chan struct{} // wakes run
	failed   atomic.Bool   // a send failed, and it was logged
}

func newNotify(log *slog.Logger) *notify {
	return &notify{
		notifier: handoff.NotifierFromEnviron(),
		log:      log,
		watchdog: handoff.WatchdogFromEnviron(),
		changed:  make(chan struct{}, 1),
	}
}

// send sends one notice. It blocks for a moment at most.
func (n *notify) send(notice handoff.Notice) {
	if err := n.notifier.Send(notice); err != nil && !n.failed.Swap(true) {
		n.log.Warn("cannot notify the manager, further failures are not logged", "error", err)
	}
}

// requestReplacement requests another worker; this one serves until then. It does not block.
func (n *notify) requestReplacement() { n.set(&n.stopping) }

// reportStuck requests another worker at once. It does not block.
func (n *notify) reportStuck() { n.set(&n.stuck) }

func (n *notify) set(flag *atomic.Bool) {
	flag.Store(true)
	select {
	case n.changed <- struct{}{}:
	default: // run has yet to send the previous change, and will send this one with it
	}
}

// run sends changes, and heartbeats if there is a watchdog, until the worker has ended.
func (n *notify) run(ended <-chan struct{}) {
	var beat <-chan time.Time // nil: never
	if n.watchdog > 0 {
		// A third of the interval, so that two lost messages do no harm.
		ticker := time.NewTicker(max(n.watchdog/3, time.Millisecond))
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		select {
		case <-ended:
			return
		case <-beat:
		case <-n.changed:
		}
		n.sendState()
	}
}

// sendState repeats the state, because an earlier message may have been lost in a full queue.
func (n *notify) sendState() {
	n.send(handoff.Notice{Alive: n.watchdog > 0, Stopping: n.stopping.Load()})
	if n.stuck.Load() {
		// A message of its own: systemd reads one WATCHDOG in each.
		n.send(handoff.Notice{Stuck: true})
	}
}
