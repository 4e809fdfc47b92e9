package worker

import "time"

// taking is how fast a client takes what is written to it. A write notes only that it waits; the rest is found out by who
// looks for room, from look to look, so that it costs nothing where there is room.
type taking struct {
	waits bool // a write does, or has just begun
	// Of the first look since which each has found a write waiting: when it was, and how many bytes the client had taken by
	// then. The zero time: none has.
	since time.Time
	bytes uint64
}

// slow is whether the client takes too little, by the measures for a body, and how many bytes in a second. taken are those of
// the whole connection.
func (t *taking) slow(patience time.Duration, taken func() (bytes uint64, known bool)) (rate float64, slow bool) {
	now := time.Now()
	first, waited := t.since.IsZero(), now.Sub(t.since)
	switch {
	case !t.waits:
		t.since = time.Time{}
		return 0, false
	case !first && waited < min(patience, slowPatience):
		return 0, false
	}
	bytes, known := taken()
	if !known {
		return 0, false
	}
	if !first {
		if rate = float64(bytes-t.bytes) / waited.Seconds(); rate < slowRate {
			return rate, true
		}
	}
	t.since, t.bytes = now, bytes // for what it takes from now on
	return 0, false
}
