package mpmetrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"multiproc/mpmetrics/internal/format"
)

// layoutBuilder builds a pageLayout.
type layoutBuilder struct {
	families map[string]*mergedFamily
	lines    map[string]*mergedFamily // by each name that begins a line of the page
	placed   map[*sample]placed
	found    []foundSample // the first stands for samples that are not shown
	text     []byte
}

// hidden is the index in found of the samples that are not shown.
const hidden = 0

// placed is the place of a sample that files of one kind have.
type placed struct {
	kind  format.Kind
	index uint32 // in found
}

// foundSample is a sample whose index on the page is not known yet, since that depends on its rank among all others.
type foundSample struct {
	family *mergedFamily
	labels []format.Label
	text   string
	part   part
	bound  float64
	index  uint32 // in found
}

// newPageLayout lays out the page of sources, which must be in the order of their names. If two files disagree about the type
// or mode of a family, those of the first file hold; the samples in the other are left out, which is a fault. The
// directory's own fault may be nil.
func newPageLayout(sources []*source, directory *Fault) *pageLayout {
	own := &mergedFamily{
		name: faultyFiles,
		kind: format.Kind{Type: format.Gauge, Mode: format.Computed},
		help: "Metric files that could not be used, or not all of them, by reason.",
		file: "the scrape itself",
	}
	b := &layoutBuilder{
		families: map[string]*mergedFamily{own.name: own},
		lines:    map[string]*mergedFamily{own.name: own},
		found:    make([]foundSample, hidden+1),
	}
	out := &pageLayout{}
	if directory != nil {
		out.faults = append(out.faults, directory)
	}
	// Files that share a table go to the same numbers, unless each process has its own.
	type shared struct {
		kind  format.Kind
		table *entry
		n     int
	}
	type laidOut struct {
		steps     []step
		conflicts []*Fault
	}
	done := map[shared]laidOut{}
	var all [][]step
	for _, s := range sources {
		out.faults = append(out.faults, s.faults...)
		if !s.counts || len(s.table) == 0 || s.hasFault(ReasonDialect) {
			continue
		}
		alike := shared{s.Kind, &s.table[0], len(s.table)}
		it, ok := done[alike]
		if !ok || s.PerProcess() {
			it.steps, it.conflicts = b.steps(s)
			all = append(all, it.steps)
			done[alike] = it
		}
		out.parts = append(out.parts, filePart{s, it.steps})
		for _, f := range it.conflicts {
			out.faults = append(out.faults, &Fault{s.file, f.Offset, f.Reason, f.Err})
		}
	}
	b.addFaults(own, out.faults)
	indexes := b.rank(out)
	for _, steps := range all {
		for i := range steps {
			steps[i].index = indexes[steps[i].index]
		}
	}
	out.plainNames = out.hasPlainNames()
	return out
}

// steps returns the steps of a file, still with indexes in found, and its conflicts with the files before it.
func (b *layoutBuilder) steps(s *source) (steps []step, conflicts []*Fault) {
	if b.placed == nil {
		// Most of its samples are in the other tables, too.
		b.found = slices.Grow(b.found, len(s.table))
		b.placed = make(map[*sample]placed, len(s.table))
	}
	steps = make([]step, len(s.table))
	reported := map[*mergedFamily]bool{}
	for i, e := range s.table {
		steps[i].offset = e.value
		if e.sample.err != nil {
			steps[i].index = hidden
			continue
		}
		if at, ok := b.placed[e.sample]; ok && at.kind == s.Kind && !s.PerProcess() {
			steps[i].index = at.index
			continue
		}
		f := b.family(e.sample, s)
		if f.name != e.sample.family || f.kind != s.Kind {
			steps[i].index = hidden
			if !reported[f] {
				reported[f] = true
				conflicts = append(conflicts, &Fault{
					s.file, e.offset(), ReasonConflict,
					fmt.Errorf("the %s %q here conflicts with the %s %q in %q", s.Kind, e.sample.family, f.kind, f.name, f.file),
				})
			}
			continue
		}
		steps[i].index = b.add(f, e.sample, s)
	}
	return steps, conflicts
}

// family returns a sample's family, or the one that has taken one of its names, as a gauge can take that of a histogram's sum.
func (b *layoutBuilder) family(s *sample, src *source) *mergedFamily {
	if f := b.families[s.family]; f != nil {
		return f
	}
	names := lineNames(src.Type, s.family)
	for _, name := range names {
		if f := b.lines[name]; f != nil {
			return f
		}
	}
	f := &mergedFamily{name: s.family, kind: src.Kind, help: s.help, file: src.file}
	b.families[s.family] = f
	for _, name := range names {
		b.lines[name] = f
	}
	return f
}

func (b *layoutBuilder) add(f *mergedFamily, s *sample, src *source) uint32 {
	cell := uint32(len(b.found))
	labels := s.labels
	if s.part == partCount && f.kind.Type == format.Histogram {
		return hidden // the buckets have it
	}
	if src.PerProcess() {
		labels = append(slices.Clip(labels), format.Label{Name: "pid", Value: src.ID})
		slices.SortStableFunc(labels, func(x, y format.Label) int { return strings.Compare(x.Name, y.Name) })
	} else {
		b.placed[s] = placed{f.kind, cell}
	}
	b.found = append(b.found, foundSample{f, labels, b.labelText(labels), s.part, s.bound, cell})
	return cell
}

// labelText returns the text of labels, which often are those of the sample before: the next bucket, or the sum.
func (b *layoutBuilder) labelText(labels []format.Label) string {
	if before := &b.found[len(b.found)-1]; slices.Equal(before.labels, labels) {
		return before.text
	}
	b.text = appendLabels(b.text[:0], labels)
	return string(b.text)
}

// compare orders samples as they are on the page.
func (r *foundSample) compare(other *foundSample) int {
	if r.family != other.family {
		return strings.Compare(r.family.name, other.family.name)
	}
	if c := strings.Compare(r.text, other.text); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.part, other.part), cmp.Compare(r.bound, other.bound))
}

// rank orders families, series and samples, and returns the index on the page of each found sample.
func (b *layoutBuilder) rank(out *pageLayout) []uint32 {
	samples := make([]*foundSample, 0, len(b.found))
	for i := hidden + 1; i < len(b.found); i++ {
		samples = append(samples, &b.found[i])
	}
	slices.SortFunc(samples, (*foundSample).compare)
	indexes := make([]uint32, len(b.found))
	var f *mergedFamily
	var s *mergedSeries
	next := uint32(0) // the first index after the series
	for _, r := range samples {
		if f != r.family {
			f = r.family
			out.families = append(out.families, f)
			s = nil
		}
		if s == nil || s.text != r.text {
			f.series = append(f.series, mergedSeries{labels: r.labels, text: r.text, first: next})
			s = &f.series[len(f.series)-1]
			next += uint32(f.width(s))
		}
		switch at := len(s.bounds); r.part {
		case partValue:
			indexes[r.index] = s.first
		case partBucket:
			if at == 0 || s.bounds[at-1] != r.bound {
				s.bounds = append(s.bounds, r.bound)
				next++
			}
			indexes[r.index] = s.first + uint32(len(s.bounds)) - 1
		case partSum:
			indexes[r.index] = s.first + uint32(at)
		case partCount:
			indexes[r.index] = s.first + uint32(at) + 1
		}
	}
	out.setInitial(next)
	indexes[hidden] = next
	return indexes
}

// addFaults adds a series for each reason to the family that counts faulty files, which is shown only if there are any.
func (b *layoutBuilder) addFaults(own *mergedFamily, faults []*Fault) {
	for _, fault := range faults {
		labels := []format.Label{{Name: "reason", Value: string(fault.Reason)}}
		b.found = append(b.found, foundSample{own, labels, b.labelText(labels), partValue, 0, uint32(len(b.found))})
	}
}
