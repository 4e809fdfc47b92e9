package worker

import (
	"log/slog"
	"sync/atomic"
	"time"

	"multiproc/worker/handoff"
)

// herald tells the worker's manager, its master or systemd, how the worker is.
type herald struct {
	notifier *handoff.Notifier
	log      *slog.Logger
	watchdog time.Duration // how often at least the manager wants to hear; 0: not at all

	stopping atomic.Bool // it drains, or wants to be replaced
	stuck    atomic.Bool // a handler hangs in it
	news     chan struct{}
	failed   atomic.Bool // to notify, and logged it
}

func newHerald(log *slog.Logger) *herald {
	return &herald{
		notifier: handoff.NotifierFromEnviron(),
		log:      log,
		watchdog: handoff.WatchdogFromEnviron(),
		news:     make(chan struct{}, 1),
	}
}

// announce sends a notice. It blocks for a moment at most.
func (h *herald) announce(notice handoff.Notice) {
	if err := h.notifier.Send(notice); err != nil && !h.failed.Swap(true) {
		h.log.Warn("cannot notify the manager; further failures are not logged", "error", err)
	}
}

// wantReplacement says that another worker should take over. It does not block.
func (h *herald) wantReplacement() { h.tell(&h.stopping) }

// reportStuck says that another worker should take over at once. It does not block.
func (h *herald) reportStuck() { h.tell(&h.stuck) }

func (h *herald) tell(fact *atomic.Bool) {
	fact.Store(true)
	select {
	case h.news <- struct{}{}:
	default: // what is waiting to be told will be told with it
	}
}

// keep sends what there is to tell, and heartbeats where the manager wants them, until the worker has ended.
func (h *herald) keep(ended <-chan struct{}) {
	var beat <-chan time.Time // never, unless wanted
	if h.watchdog > 0 {
		// A third, so that a manager that missed two of them still hears in time.
		ticker := time.NewTicker(max(h.watchdog/3, time.Millisecond))
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		select {
		case <-ended:
			return
		case <-beat:
		case <-h.news:
		}
		h.tellAll()
	}
}

// tellAll repeats what the manager must know: a queue that was full may have swallowed it before.
func (h *herald) tellAll() {
	h.announce(handoff.Notice{Alive: h.watchdog > 0, Stopping: h.stopping.Load()})
	if h.stuck.Load() {
		// A message of its own: systemd looks at one WATCHDOG in each.
		h.announce(handoff.Notice{Stuck: true})
	}
}
