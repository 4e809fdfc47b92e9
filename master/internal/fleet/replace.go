package fleet

import (
	"log/slog"
	"time"
)

// markForReplacement marks a worker to be replaced while it continues to serve. fill starts its successor.
func (f *Fleet) markForReplacement(now time.Time, w *Worker, why Reason) {
	if w.Phase != Ready || w.Leaving != "" {
		return
	}
	w.Leaving = why
	if w.served(now) >= servedLong && !f.isNext(w) {
		f.backoff(w.Identity.Slot).deaths = 0 // of its predecessors; those of its successors count from 0
	}
	f.log(slog.LevelInfo, "replacing worker", w.attrs("reason", why)...)
}

// mayRecycle reports whether another worker may be replaced: one at a time, none during a reload, which replaces all, and none
// while too many drain.
func (f *Fleet) mayRecycle() bool {
	return f.reload == nil && f.draining() < drainingPerWorker*f.Target() && !f.recycling()
}

// recycling reports whether a successor is starting beside the worker that it replaces.
func (f *Fleet) recycling() bool {
	for _, w := range f.workers {
		if !w.isExporter() && w.Phase == Ready && w.Leaving != "" && len(f.holders(w.Identity.Generation, w.Identity.Slot)) > 1 {
			return true
		}
	}
	return false
}
