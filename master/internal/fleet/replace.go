package fleet

import (
	"log/slog"
	"math"
	"time"

	"multiproc/worker/handoff"
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
		if w.Phase == Ready && w.Leaving != "" && len(f.holders(w.Identity.Generation, w.Identity.Slot)) > 1 {
			return true
		}
	}
	return false
}

// maxBackoff is the longest wait before a worker is started again.
const maxBackoff = 30 * time.Second

// backoff delays the starts in a slot whose workers die before they have served.
type backoff struct {
	deaths    int       // early ones in a row
	notBefore time.Time // the next start
}

func (f *Fleet) backoff(slot handoff.Slot) *backoff {
	if f.backoffs[slot] == nil {
		f.backoffs[slot] = &backoff{}
	}
	return f.backoffs[slot]
}

// died records the death of a worker: after the first early death the next worker starts at once, after the n-th in a row it
// waits 1 s * 1.5^(n-2).
func (b *backoff) died(now time.Time, served time.Duration) {
	b.notBefore = now
	if served >= servedLong {
		b.deaths = 0
	}
	if served >= servedWell {
		return
	}
	b.deaths++
	if b.deaths > 1 {
		wait := float64(time.Second) * math.Pow(1.5, float64(b.deaths-2))
		b.notBefore = now.Add(time.Duration(min(wait, float64(maxBackoff))))
	}
}
