package master

import (
	"log/slog"
	"time"
)

// leave marks a worker that is to be replaced while it goes on serving. Its successor is started by fill.
func (f *fleet) leave(now time.Time, w *worker, why reason) {
	if w.phase != ready || w.leaving != "" {
		return
	}
	w.leaving = why
	if w.served(now) >= servedLong && !f.coming(w) {
		f.backoff(w.identity.Slot).deaths = 0 // of its predecessors; its successors' are counted anew
	}
	f.note(slog.LevelInfo, "worker is to be replaced", w.describe("reason", why)...)
}

// mayRecycle bounds how much is replaced at a time: one worker, none during a reload, which replaces all, and none
// while too many still drain.
func (f *fleet) mayRecycle() bool {
	return f.reload == nil && f.draining() < drainingPerWorker*f.target() && !f.recycling()
}

// recycling reports whether a successor is starting beside the one that it is to replace.
func (f *fleet) recycling() bool {
	for _, w := range f.workers {
		if w.phase == ready && w.leaving != "" && len(f.holders(w.identity.Generation, w.identity.Slot)) > 1 {
			return true
		}
	}
	return false
}
