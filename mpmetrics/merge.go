package mpmetrics

import (
	"sync/atomic"

	"multiproc/mpmetrics/internal/format"
)

// values are the numbers on a page, merged from one reading of all files, by their index in the layout.
type values struct {
	layout  *pageLayout
	numbers []float64
	times   []float64 // when each was set, if the layout needs times; 0 for never

	holders atomic.Int32 // callers that have yet to release them
}

// read reads all files of a layout. It returns those that were truncated meanwhile, part of whose values is missing. The
// caller must have called debug.SetPanicOnFault.
func (v *values) read(p *pageLayout) (truncated []*source) {
	v.layout = p
	v.numbers = append(v.numbers[:0], p.initial...)
	if p.hasTimes {
		v.times = append(v.times[:0], p.initial...)
		clear(v.times)
	}
	for _, part := range p.parts {
		if err := v.add(part); err != nil {
			truncated = append(truncated, part.source)
		}
	}
	for _, f := range p.families {
		if f.kind.Type == format.Histogram {
			for i := range f.series {
				cumulate(v.numbers[f.series[i].first:], len(f.series[i].bounds))
			}
		}
	}
	return truncated
}

// add merges one file's values into v.
func (v *values) add(part filePart) (err error) {
	defer recoverFault(part.source.image, &err)
	m, numbers := part.source.image, v.numbers
	mode := format.Sum
	if part.source.Type == format.Gauge {
		mode = part.source.Mode.Base()
	}
	switch mode {
	case format.Sum:
		for _, step := range part.steps {
			numbers[step.index] += m.Float(int(step.offset))
		}
	case format.All:
		for _, step := range part.steps {
			numbers[step.index] = m.Float(int(step.offset))
		}
	case format.Min: // a number begins as NaN, which any value replaces
		for _, step := range part.steps {
			if n, at := m.Float(int(step.offset)), &numbers[step.index]; n < *at || *at != *at {
				*at = n
			}
		}
	case format.Max:
		for _, step := range part.steps {
			if n, at := m.Float(int(step.offset)), &numbers[step.index]; n > *at || *at != *at {
				*at = n
			}
		}
	case format.MostRecent:
		if part.source.layout != format.Layout16 {
			return nil // without times
		}
		for _, step := range part.steps {
			cell := m.Cell(int(step.offset))
			if at := cell.Time(); at > v.times[step.index] {
				v.times[step.index], numbers[step.index] = at, cell.Value()
			}
		}
	}
	return nil
}

// cumulate turns the counts of n buckets into cumulative ones, and sets the count of all, which comes after the sum.
func cumulate(numbers []float64, n int) {
	total := 0.0
	for i := range n {
		total += numbers[i]
		numbers[i] = total
	}
	numbers[n+1] = total
}

// isSet reports whether there is a number at an index: a most recent gauge has none until it is set.
func (v *values) isSet(f *mergedFamily, index uint32) bool {
	return f.kind.Type != format.Gauge || f.kind.Mode.Base() != format.MostRecent || v.times[index] != 0
}

// appendFamily appends the text of the i-th family of the layout.
func (v *values) appendFamily(dst []byte, t *template, i int, header string) []byte {
	f := v.layout.families[i]
	dst = append(dst, header...)
	if len(f.series) == 0 {
		return dst
	}
	last := &f.series[len(f.series)-1]
	start := uint32(0)
	if first := f.series[0].first; first > 0 {
		start = t.ends[first-1]
	}
	for index := f.series[0].first; index < last.first+uint32(f.width(last)); index++ {
		end := t.ends[index]
		if v.isSet(f, index) {
			dst = append(dst, t.lines[start:end]...)
			dst = appendFloat(dst, v.numbers[index])
			dst = append(dst, '\n')
		}
		start = end
	}
	return dst
}
