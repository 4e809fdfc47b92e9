package mpmetrics

import (
	"sync/atomic"

	"multiproc/mpmetrics/internal/format"
)

// series has the values of one set of labels of one metric: one for a counter or gauge, a count and a sum for a
// summary, the sum and one per bucket for a histogram. They go into the file together or not at all.
//
// Until they are in the file, because a gauge was not set yet or because there was no room, they are kept here. Updates are
// then slow, under the writer's lock. If there is room later nothing is lost.
type series struct {
	w      *Writer
	kind   format.Kind
	values []seriesValue

	// Guarded by w.mu.
	keys  []string // one per value; nil once shared
	tried bool     // sharing was tried
	final bool     // they will never be shared
}

// name identifies series that are not shared yet.
func (s *series) name() string { return s.kind.Prefix() + s.keys[0] }

// seriesValue is one value of a series.
type seriesValue struct {
	shared atomic.Pointer[format.Cell] // nil as long as the value is kept here; set once

	// Guarded by the writer's mu, and unused once shared is set.
	value, time float64
	set         bool // value replaces the one in the file, rather than adding to it
}

// add adds to the i-th value. It is the hot path: one compare-and-swap if the value is in a file.
func (s *series) add(i int, v float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.Add(v) }, func(kept *seriesValue) { kept.value += v })
		return
	}
	c.Add(v)
}

// set replaces the i-th value and then its time. A reader between the two takes the new value for an old one, which the next
// scrape corrects; in the other order it would take an old value for the newest.
func (s *series) set(i int, v, time float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.Set(v, time) }, func(kept *seriesValue) { kept.value, kept.time, kept.set = v, time, true })
		return
	}
	c.Set(v, time)
}

// touch sets the time of the i-th value after add.
func (s *series) touch(i int, time float64) {
	c := s.values[i].shared.Load()
	if c == nil {
		s.slow(i, func(c *format.Cell) { c.SetTime(time) }, func(kept *seriesValue) { kept.time = time })
		return
	}
	c.SetTime(time)
}

// get returns this process's i-th value.
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

// moveLocked moves the values that were kept here into the file. Amounts are added to the value that the id's last holder
// left there; a value that was set replaces it.
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
