package mpmetrics

import (
	"multiproc/mpmetrics/internal/format"
)

import "sync/atomic"

// snapshot is what one reading of all files gave: a value for each cell of a plan.
type values struct {
	layout  *pageLayout
	numbers []float64
	times   []float64 // when each value was set, where the plan asks for the latest; 0 for never

	holders atomic.Int32 // who may still read it
}

// readInto reads all files. It returns those that were cut short under it, whose values are in part missing.
// The caller must have called debug.SetPanicOnFault.
func (p *pageLayout) read(s *values) (cut []*source) {
	s.layout = p
	s.numbers = append(s.numbers[:0], p.initial...)
	if p.hasTimes {
		s.times = append(s.times[:0], p.initial...)
		clear(s.times)
	}
	for _, r := range p.parts {
		if err := r.mergeInto(s); err != nil {
			cut = append(cut, r.source)
		}
	}
	for _, f := range p.families {
		if f.kind.Type == format.Histogram {
			for i := range f.series {
				accumulate(s.numbers[f.series[i].first:], len(f.series[i].bounds))
			}
		}
	}
	return cut
}

// into merges one file's values into the snapshot's.
func (r filePart) mergeInto(s *values) (err error) {
	defer recoverFault(&err)
	m, values := r.source.image, s.numbers
	mode := format.Sum
	if r.source.Type == format.Gauge {
		mode = r.source.Mode.Base()
	}
	switch mode {
	case format.Sum:
		for _, step := range r.steps {
			values[step.index] += m.Float(int(step.offset))
		}
	case format.All:
		for _, step := range r.steps {
			values[step.index] = m.Float(int(step.offset))
		}
	case format.Min: // a cell begins as NaN, which any value replaces
		for _, step := range r.steps {
			if v, at := m.Float(int(step.offset)), &values[step.index]; v < *at || *at != *at {
				*at = v
			}
		}
	case format.Max:
		for _, step := range r.steps {
			if v, at := m.Float(int(step.offset)), &values[step.index]; v > *at || *at != *at {
				*at = v
			}
		}
	case format.MostRecent:
		if r.source.layout != format.Layout16 {
			return nil // without times
		}
		for _, step := range r.steps {
			c := m.Cell(int(step.offset))
			if at := c.Time(); at > s.times[step.index] {
				s.times[step.index], values[step.index] = at, c.Value()
			}
		}
	}
	return nil
}

// accumulate turns the counts of n buckets into counts of all up to each bucket, and the count of all, which comes
// after the sum.
func accumulate(cells []float64, n int) {
	total := 0.0
	for i := range n {
		total += cells[i]
		cells[i] = total
	}
	cells[n+1] = total
}

// set reports whether a cell has a value: a gauge that goes by the time of setting has none before the first time.
func (s *values) set(f *mergedFamily, cell uint32) bool {
	return f.kind.Type != format.Gauge || f.kind.Mode.Base() != format.MostRecent || s.times[cell] != 0
}

// appendFamily appends a family's text.
func (s *values) appendFamily(dst []byte, t *template, i int, openMetrics bool) []byte {
	f := s.layout.families[i]
	if openMetrics {
		dst = append(dst, t.headers[i].openMetrics...)
	} else {
		dst = append(dst, t.headers[i].text...)
	}
	if len(f.series) == 0 {
		return dst
	}
	last := &f.series[len(f.series)-1]
	start := uint32(0)
	if first := f.series[0].first; first > 0 {
		start = t.ends[first-1]
	}
	for cell := f.series[0].first; cell < last.first+uint32(f.width(last)); cell++ {
		end := t.ends[cell]
		if s.set(f, cell) {
			dst = append(dst, t.lines[start:end]...)
			dst = appendFloat(dst, s.numbers[cell])
			dst = append(dst, '\n')
		}
		start = end
	}
	return dst
}
