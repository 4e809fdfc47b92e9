package format

import (
	"math"
	"sync/atomic"
	"unsafe"
)

// Cell is the value and the time of an entry in the 16-byte layout. Each is read and written by one atomic operation.
type Cell struct {
	value, time atomic.Uint64
}

// Cell returns the cell at off, which must be a multiple of 8.
func (m Image) Cell(off int) *Cell {
	return (*Cell)(unsafe.Pointer(unsafe.SliceData(m[off : off+16])))
}

// Value returns the value.
func (c *Cell) Value() float64 { return math.Float64frombits(c.value.Load()) }

// Time returns when the value was set, in Unix seconds; 0 if never.
func (c *Cell) Time() float64 { return math.Float64frombits(c.time.Load()) }

// SetValue stores the value.
func (c *Cell) SetValue(v float64) { c.value.Store(math.Float64bits(v)) }

// SetTime stores the time, in Unix seconds.
func (c *Cell) SetTime(seconds float64) { c.time.Store(math.Float64bits(seconds)) }

// Set stores a value, then its time unless that is 0.
func (c *Cell) Set(v, seconds float64) {
	c.SetValue(v)
	if seconds != 0 {
		c.SetTime(seconds)
	}
}

// Add adds v to the value.
func (c *Cell) Add(v float64) {
	if !c.TryAdd(v) {
		c.AddContended(v)
	}
}

// TryAdd adds v to the value unless another update comes between. Unlike Add it is inlined, which saves the hot path a call.
func (c *Cell) TryAdd(v float64) bool {
	old := c.value.Load()
	return c.value.CompareAndSwap(old, plus(old, v))
}

// How many times an update that lost a race spins before it tries again, the first time and at most: some hundred
// nanoseconds.
const (
	firstSpin = 512
	lastSpin  = 2048
)

// AddContended is Add after a TryAdd that failed. It spins before each try: the core that has the cache line gets more done than
// two that keep taking it from each other.
func (c *Cell) AddContended(v float64) {
	for spin := firstSpin; ; spin = min(2*spin, lastSpin) {
		for range spin {
			// Nothing that could yield: the scheduler takes longer.
		}
		if c.TryAdd(v) {
			return
		}
	}
}

func plus(bits uint64, v float64) uint64 {
	return math.Float64bits(math.Float64frombits(bits) + v)
}
