package mpmetrics

import (
	"runtime/debug"
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

// The memory of a shared value faults if its file is truncated, for example. Each update recovers that fault itself, so that it
// never unwinds the caller, and then repeats what was not done under the writer's lock; see mapped.File. Without a fault
// that costs a deferred call and two that set a flag of the goroutine.

// add adds to the only value. It is the hot path: one compare-and-swap if the value is in a file.
func (s *series) add(v float64) {
	if !s.tryAdd(v) {
		s.slowAdd(0, v)
	}
}

func (s *series) tryAdd(v float64) (done bool) {
	c := s.values[0].shared.Load()
	if c == nil {
		return false
	}
	before := debug.SetPanicOnFault(true)
	defer func() {
		if !done {
			s.recovered(before, recover())
		}
	}()
	if !c.TryAdd(v) {
		c.AddContended(v)
	}
	done = true
	debug.SetPanicOnFault(before)
	return done
}

// addBoth adds to two values, with one deferred call.
func (s *series) addBoth(i int, v float64, j int, u float64) {
	switch s.tryAddBoth(i, v, j, u) {
	case 0:
		s.slowAdd(i, v)
		s.slowAdd(j, u)
	case 1:
		s.slowAdd(j, u)
	}
}

func (s *series) tryAddBoth(i int, v float64, j int, u float64) (done int) {
	c, d := s.values[i].shared.Load(), s.values[j].shared.Load()
	if c == nil || d == nil {
		return 0
	}
	before := debug.SetPanicOnFault(true)
	defer func() {
		if done < 2 {
			s.recovered(before, recover())
		}
	}()
	if !c.TryAdd(v) {
		c.AddContended(v)
	}
	done = 1
	if !d.TryAdd(u) {
		d.AddContended(u)
	}
	done = 2
	debug.SetPanicOnFault(before)
	return done
}

func (s *series) slowAdd(i int, v float64) {
	s.slow(i, func(c *format.Cell) { c.Add(v) }, func(kept *seriesValue) { kept.value += v })
}

// set replaces the only value and then its time. A reader between the two takes the new value for an old one, which the next
// scrape corrects; in the other order it would take an old value for the newest.
func (s *series) set(v, time float64) {
	if !s.try(0, func(c *format.Cell) { c.Set(v, time) }) {
		s.slow(0, func(c *format.Cell) { c.Set(v, time) }, func(kept *seriesValue) { kept.value, kept.time, kept.set = v, time, true })
	}
}

// touch sets the time of the only value after add.
func (s *series) touch(time float64) {
	if !s.try(0, func(c *format.Cell) { c.SetTime(time) }) {
		s.slow(0, func(c *format.Cell) { c.SetTime(time) }, func(kept *seriesValue) { kept.time = time })
	}
}

// get returns this process's i-th value.
func (s *series) get(i int) (v float64) {
	read := func(c *format.Cell) { v = c.Value() }
	if s.try(i, read) {
		return v
	}
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	if c := s.values[i].shared.Load(); c != nil {
		s.w.files[s.kind].memory.Do(func() { read(c) })
		return v
	}
	return s.values[i].value
}

// try reports whether the i-th value is shared and access, which may be repeated, did not fault.
func (s *series) try(i int, access func(*format.Cell)) (done bool) {
	c := s.values[i].shared.Load()
	if c == nil {
		return false
	}
	before := debug.SetPanicOnFault(true)
	defer func() {
		if !done {
			s.recovered(before, recover())
		}
	}()
	access(c)
	done = true
	debug.SetPanicOnFault(before)
	return done
}

// recovered panics again unless a recovered value is that of a fault in the file. before is the
// goroutine's setting of debug.SetPanicOnFault, which it restores.
func (s *series) recovered(before bool, fault any) {
	debug.SetPanicOnFault(before)
	s.w.mu.Lock()
	f := s.w.files[s.kind]
	ours := f != nil && f.memory.Holds(fault)
	s.w.mu.Unlock()
	if !ours {
		panic(fault)
	}
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
		s.w.files[s.kind].memory.Do(func() { shared(c) })
		return
	}
	kept(&s.values[i])
}

// moveLocked moves the values that were kept here into the file. Amounts are added to the value that the id's last holder
// left there; a value that was set replaces it.
func (s *series) moveLocked(cells []*format.Cell) {
	memory := s.w.files[s.kind].memory
	for i, c := range cells {
		kept := &s.values[i]
		if kept.set {
			memory.Do(func() { c.SetValue(kept.value) })
		} else if kept.value != 0 {
			memory.Do(func() { c.Add(kept.value) })
		}
		if kept.time != 0 {
			memory.Do(func() { c.SetTime(kept.time) })
		}
		kept.shared.Store(c)
	}
	s.keys = nil
}
