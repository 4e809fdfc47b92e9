package mpmetrics

import (
	"math"
	"sync/atomic"
	"unsafe"
)

// pair is the 16 value bytes of an entry.
type pair struct {
	value, time atomic.Uint64
}

func (m image) pair(off int) *pair {
	return (*pair)(unsafe.Pointer(unsafe.SliceData(m[off : off+16])))
}

func (p *pair) set(v, time float64) {
	p.value.Store(math.Float64bits(v))
	if time != 0 {
		p.time.Store(math.Float64bits(time))
	}
}

// float is the value in a word.
func float(w *atomic.Uint64) float64 {
	return math.Float64frombits(w.Load())
}

func addFloat(w *atomic.Uint64, v float64) {
	if old := w.Load(); !w.CompareAndSwap(old, plus(old, v)) {
		addContended(w, v)
	}
}

// How often an update that lost a race goes round an empty loop before it tries again, the first time and at most:
// some hundred nanoseconds.
const (
	firstWait = 512
	lastWait  = 2048
)

// addContended waits before each try: whoever has the cache line at the moment gets more done than two who keep
// taking it from each other.
func addContended(w *atomic.Uint64, v float64) {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		for range wait {
			// Nothing that could yield: the scheduler takes longer.
		}
		if old := w.Load(); w.CompareAndSwap(old, plus(old, v)) {
			return
		}
	}
}

func plus(bits uint64, v float64) uint64 {
	return math.Float64bits(math.Float64frombits(bits) + v)
}
