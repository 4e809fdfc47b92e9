package fleet

import (
	"math"
	"time"
)

// maxBackoff is the longest wait for another try to start a worker.
const maxBackoff = 30 * time.Second

// backoff slows down the starts in a slot whose workers die before they have served.
type backoff struct {
	deaths    int       // in a row
	notBefore time.Time // the next start
}

// died takes account of a worker's end: the first that came early is made up for at once, the n-th in a row after
// 1 s * 1.5^(n-2).
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
