package fleet

import (
	"log/slog"
	"time"
)

// markForReplacement marks a worker that is to be replaced while it goes on serving. Its successor is started by fill.
func (f *Fleet) markForReplacement(now time.Time, w *Worker, why Reason) {
	if w.Phase != Ready || w.Leaving != "" {
		return
	}
	w.Leaving = why
	if w.served(now) >= servedLong && !f.isNext(w) {
		f.backoff(w.Identity.Slot).deaths = 0 // of its predecessors; its successors' are counted anew
	}
	f.log(slog.LevelInfo, "worker is to be replaced", w.attrs("reason", why)...)
}

// mayRecycle bounds how much is replaced at a time: one worker, none during a reload, which replaces all, and none
// while too many still drain.
func (f *Fleet) mayRecycle() bool {
	return f.reload == nil && f.draining() < drainingPerWorker*f.Target() && !f.recycling()
}

// recycling reports whether a successor is starting beside the one that it is to replace.
func (f *Fleet) recycling() bool {
	for _, w := range f.workers {
		if w.Phase == Ready && w.Leaving != "" && len(f.holders(w.Identity.Generation, w.Identity.Slot)) > 1 {
			return true
		}
	}
	return false
}
