package mpmetrics

import (
	"multiproc/mpmetrics/internal/format"
)

import "sync/atomic"

// series are the values of one set of labels of one metric: one for a counter or gauge, a count and a sum for a
// summary, the sum and one per bucket for a histogram. They go into the file together or not at all.
//
// As long as they are not there, because a gauge was not set yet or because there was no room, they are kept here.
// Their path is then slow, under the writer's lock; nothing of them is lost when there is room later.
type series struct {
	w      *Writer
	kind   format.Kind
	values []seriesValue

	// Guarded by w.mu.
	keys  []string // one per value; nil once shared
	tried bool     // to share them
	final bool     // they never will be
}

// name tells series that are not shared yet apart.
func (s *series) name() string { return s.kind.Prefix() + s.keys[0] }

// seriesValue is one value of a series.
type seriesValue struct {
	shared atomic.Pointer[format.Cell] // nil as long as the value is kept here; never changes again

	// Guarded by the writer's mu, and only of meaning while shared is nil.
	value, time float64
	set         bool // value does not only add to what was before
}

// add adds to the i-th value. It is the hot path: in a file it is one compare-and-swap.
func (s *series) add(i int, v float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.Add(v) }, func(kept *seriesValue) { kept.value += v })
		return
	}
	c.Add(v)
}

// set replaces the i-th value, then the time at which that was done. A reader that comes between the two takes the
// new value for an old one, for which the next scrape makes up; the other way round it would believe an old value.
func (s *series) set(i int, v, time float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.Set(v, time) }, func(kept *seriesValue) { kept.value, kept.time, kept.set = v, time, true })
		return
	}
	c.Set(v, time)
}

// touch says when the i-th value was changed by add.
func (s *series) touch(i int, time float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.SetTime(time) }, func(kept *seriesValue) { kept.time = time })
		return
	}
	c.SetTime(time)
}

// get is this process's own value.
func (s *series) get(i int) float64 {
	if c := s.values[i].shared.Load(); c != nil {
		return c.Value()
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if c := s.values[i].shared.Load(); c != nil {
		return c.Value()
	}
	return s.values[i].value
}

func (s *series) slow(i int, shared func(*format.Cell), kept func(*seriesValue)) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.slowLocked(i, shared, kept)
}

func (s *series) slowLocked(i int, shared func(*format.Cell), kept func(*seriesValue)) {
	if !s.tried {
		s.w.shareLocked(s)
	}
	if c := s.values[i].shared.Load(); c != nil {
		shared(c)
		return
	}
	kept(&s.values[i])
}

// moveLocked carries what was kept here over into the file: what was added is added to what the process's predecessor
// left there, what was set replaces it.
func (s *series) moveLocked(cells []*format.Cell) {
	for i, c := range cells {
		kept := &s.values[i]
		if kept.set {
			c.SetValue(kept.value)
		} else if kept.value != 0 {
			c.Add(kept.value)
		}
		if kept.time != 0 {
			c.SetTime(kept.time)
		}
		kept.shared.Store(c)
	}
	s.keys = nil
}
