package fleet

import (
	"math"
	"time"

	"multiproc/worker/handoff"
)

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

// recordDeath records the death of a worker in its slot. The death of one that has served and was being replaced does not count:
// it must not reset the backoff of its successors. See markForReplacement.
func (f *Fleet) recordDeath(now time.Time, w *Worker) {
	if served := w.served(now); w.Leaving == "" || served < servedWell {
		f.backoff(w.Identity.Slot).died(now, served)
	}
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
