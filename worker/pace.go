package worker

import "time"

// pace is how fast a request's body comes. A client that sends a byte now and then is as busy as one with a thin line, and
// nobody can tell one from the other: so slow ones are only cut where others wait for a place, and none is idle.
type pace struct {
	bytes  int64
	waited time.Duration // for the client: what the handler takes between two reads is not the client's
	since  time.Time     // a read has been waiting; zero: none is
}

// A body that came with fewer bytes per second than slowRate, over at least slowPatience, is slow, and so is an answer that was
// taken so. A modem had six times as many.
const (
	slowRate     = 500
	slowPatience = 5 * time.Second
)

func (p *pace) begin(now time.Time) { p.since = now }

func (p *pace) end(n int) {
	p.bytes += int64(n)
	p.waited += time.Since(p.since)
	p.since = time.Time{}
}

// slow is whether the body is, and how many bytes come per second. patience is instead of slowPatience, where it is shorter.
func (p *pace) slow(patience time.Duration) (rate float64, slow bool) {
	if p.since.IsZero() {
		return 0, false
	}
	waited := p.waited + time.Since(p.since)
	rate = float64(p.bytes) / max(waited, 1).Seconds()
	return rate, waited >= min(patience, slowPatience) && rate < slowRate
}
