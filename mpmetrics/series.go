package mpmetrics

import (
	"math"
	"sync/atomic"
)

// series are the values of one set of labels of one metric: one for a counter or gauge, a count and a sum for a
// summary, the sum and one per bucket for a histogram. They go into the file together or not at all.
//
// As long as they are not there, because a gauge was not set yet or because there was no room, they are kept here.
// Their path is then slow, under the writer's lock; nothing of them is lost when there is room later.
type series struct {
	w     *Writer
	kind  kind
	cells []cell

	// Guarded by w.mu.
	keys  []string // one per cell; nil once shared
	tried bool     // to share them
	final bool     // they never will be
}

// name tells series that are not shared yet apart.
func (s *series) name() string { return s.kind.prefix() + s.keys[0] }

// cell is one value.
type cell struct {
	shared atomic.Pointer[pair] // nil as long as the value is kept here; never changes again

	// Guarded by the writer's mu, and only of meaning while shared is nil.
	value, time float64
	set         bool // value does not only add to what was before
}

// add adds to the i-th value. It is the hot path: in a file it is one compare-and-swap.
func (s *series) add(i int, v float64) {
	p := s.cells[i].shared.Load()
	if p == nil {
		s.slow(i, func(p *pair) { addFloat(&p.value, v) }, func(c *cell) { c.value += v })
		return
	}
	addFloat(&p.value, v)
}

// set replaces the i-th value, then the time at which that was done. A reader that comes between the two takes the
// new value for an old one, for which the next scrape makes up; the other way round it would believe an old value.
func (s *series) set(i int, v, time float64) {
	p := s.cells[i].shared.Load()
	if p == nil {
		s.slow(i, func(p *pair) { p.set(v, time) }, func(c *cell) { c.value, c.time, c.set = v, time, true })
		return
	}
	p.set(v, time)
}

// touch says when the i-th value was changed by add.
func (s *series) touch(i int, time float64) {
	p := s.cells[i].shared.Load()
	if p == nil {
		s.slow(i, func(p *pair) { p.time.Store(math.Float64bits(time)) }, func(c *cell) { c.time = time })
		return
	}
	p.time.Store(math.Float64bits(time))
}

// get is this process's own value.
func (s *series) get(i int) float64 {
	if p := s.cells[i].shared.Load(); p != nil {
		return float(&p.value)
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if p := s.cells[i].shared.Load(); p != nil {
		return float(&p.value)
	}
	return s.cells[i].value
}

func (s *series) slow(i int, shared func(*pair), kept func(*cell)) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.slowLocked(i, shared, kept)
}

func (s *series) slowLocked(i int, shared func(*pair), kept func(*cell)) {
	if !s.tried {
		s.w.shareLocked(s)
	}
	if p := s.cells[i].shared.Load(); p != nil {
		shared(p)
		return
	}
	kept(&s.cells[i])
}

// moveLocked carries what was kept here over into the file: what was added is added to what the process's predecessor
// left there, what was set replaces it.
func (s *series) moveLocked(pairs []*pair) {
	for i, p := range pairs {
		c := &s.cells[i]
		if c.set {
			p.value.Store(math.Float64bits(c.value))
		} else if c.value != 0 {
			addFloat(&p.value, c.value)
		}
		if c.time != 0 {
			p.time.Store(math.Float64bits(c.time))
		}
		c.shared.Store(p)
	}
	s.keys = nil
}
