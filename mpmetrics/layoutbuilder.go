package mpmetrics

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"multiproc/mpmetrics/internal/format"
)

// planner makes a plan.
type layoutBuilder struct {
	families map[string]*mergedFamily
	lines    map[string]*mergedFamily // by each name that begins a line
	placed   map[*sample]placed
	refs     []ref // the first stands for what is not shown
	text     []byte
}

// hidden is the ref of what is not shown.
const hidden = 0

// placed is where the samples of one key went that files of one kind have.
type placed struct {
	kind  format.Kind
	index uint32
}

// ref is a sample that was found, before it is known which cell its rank among all others gives it.
type ref struct {
	family *mergedFamily
	labels []format.Label
	text   string
	part   part
	bound  float64
	index  uint32
}

// makePlan plans the reading of sources, which must be in the order of their names. Where two files disagree about
// the type or mode of a family, the first file's word holds, and the other's samples of it are left out and
// told as a fault. The directory's own fault may be nil.
func newPageLayout(sources []*source, directory *Fault) *pageLayout {
	own := &mergedFamily{
		name: faultyFiles,
		kind: format.Kind{Type: format.Gauge, Mode: format.Computed},
		help: "Metric files that could not be used, or not all of them, by reason.",
		file: "the scrape itself",
	}
	p := &layoutBuilder{
		families: map[string]*mergedFamily{own.name: own},
		lines:    map[string]*mergedFamily{own.name: own},
		refs:     make([]ref, hidden+1),
	}
	out := &pageLayout{}
	if directory != nil {
		out.faults = append(out.faults, directory)
	}
	// Files that share a table go to the same cells, unless each process is to be seen.
	type shared struct {
		kind  format.Kind
		table *entry
		n     int
	}
	type planned struct {
		steps     []step
		conflicts []*Fault
	}
	done := map[shared]planned{}
	var all [][]step
	for _, s := range sources {
		out.faults = append(out.faults, s.faults...)
		if !s.counts || len(s.table) == 0 {
			continue
		}
		alike := shared{s.Kind, &s.table[0], len(s.table)}
		it, ok := done[alike]
		if !ok || s.PerProcess() {
			it.steps, it.conflicts = p.steps(s)
			all = append(all, it.steps)
			done[alike] = it
		}
		out.parts = append(out.parts, filePart{s, it.steps})
		for _, f := range it.conflicts {
			out.faults = append(out.faults, &Fault{s.file, f.Offset, f.Reason, f.Err})
		}
	}
	p.addFaults(own, out.faults)
	cells := p.rank(out)
	for _, steps := range all {
		for i := range steps {
			steps[i].index = cells[steps[i].index]
		}
	}
	out.plainNames = out.hasPlainNames()
	return out
}

// steps gives, as yet, the index of a ref in place of each cell, and the conflicts of the file with those before it.
func (p *layoutBuilder) steps(s *source) (steps []step, conflicts []*Fault) {
	if p.placed == nil {
		// The first table mostly has what the others have too.
		p.refs = slices.Grow(p.refs, len(s.table))
		p.placed = make(map[*sample]placed, len(s.table))
	}
	steps = make([]step, len(s.table))
	told := map[*mergedFamily]bool{}
	for i, e := range s.table {
		steps[i].offset = e.value
		if e.sample.err != nil {
			steps[i].index = hidden
			continue
		}
		if at, ok := p.placed[e.sample]; ok && at.kind == s.Kind && !s.PerProcess() {
			steps[i].index = at.index
			continue
		}
		f := p.family(e.sample, s)
		if f.name != e.sample.family || f.kind != s.Kind {
			steps[i].index = hidden
			if !told[f] {
				told[f] = true
				conflicts = append(conflicts, &Fault{
					s.file, e.offset(), ReasonConflict,
					fmt.Errorf("the %s %q here conflicts with the %s %q in %q", s.Kind, e.sample.family, f.kind, f.name, f.file),
				})
			}
			continue
		}
		steps[i].index = p.add(f, e.sample, s)
	}
	return steps, conflicts
}

// family gives a sample's family, or the one that has taken a name of it before, as a gauge can that of a histogram's sum.
func (p *layoutBuilder) family(s *sample, src *source) *mergedFamily {
	if f := p.families[s.family]; f != nil {
		return f
	}
	names := lineNames(src.Type, s.family)
	for _, name := range names {
		if f := p.lines[name]; f != nil {
			return f
		}
	}
	f := &mergedFamily{name: s.family, kind: src.Kind, help: s.help, file: src.file}
	p.families[s.family] = f
	for _, name := range names {
		p.lines[name] = f
	}
	return f
}

func (p *layoutBuilder) add(f *mergedFamily, s *sample, src *source) uint32 {
	cell := uint32(len(p.refs))
	labels := s.labels
	if s.part == partCount && f.kind.Type == format.Histogram {
		return hidden // it is counted from the buckets
	}
	if src.PerProcess() {
		labels = append(slices.Clip(labels), format.Label{Name: "pid", Value: src.ID})
		slices.SortStableFunc(labels, func(a, b format.Label) int { return strings.Compare(a.Name, b.Name) })
	} else {
		p.placed[s] = placed{f.kind, cell}
	}
	p.refs = append(p.refs, ref{f, labels, p.labelText(labels), s.part, s.bound, cell})
	return cell
}

// labelText is the text of labels, which often are those of the ref before: the next bucket's, or the sum's.
func (p *layoutBuilder) labelText(labels []format.Label) string {
	if before := &p.refs[len(p.refs)-1]; slices.Equal(before.labels, labels) {
		return before.text
	}
	p.text = appendLabels(p.text[:0], labels)
	return string(p.text)
}

// compare orders samples as they come on the page.
func (r *ref) compare(other *ref) int {
	if r.family != other.family {
		return strings.Compare(r.family.name, other.family.name)
	}
	if c := strings.Compare(r.text, other.text); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(r.part, other.part), cmp.Compare(r.bound, other.bound))
}

// rank puts families, series and samples in order, gives each its cell and says which cell each ref got.
func (p *layoutBuilder) rank(out *pageLayout) []uint32 {
	refs := make([]*ref, 0, len(p.refs))
	for i := hidden + 1; i < len(p.refs); i++ {
		refs = append(refs, &p.refs[i])
	}
	slices.SortFunc(refs, (*ref).compare)
	cells := make([]uint32, len(p.refs))
	var f *mergedFamily
	var s *mergedSeries
	next := uint32(0) // the first cell after the series
	for _, r := range refs {
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
			cells[r.index] = s.first
		case partBucket:
			if at == 0 || s.bounds[at-1] != r.bound {
				s.bounds = append(s.bounds, r.bound)
				next++
			}
			cells[r.index] = s.first + uint32(len(s.bounds)) - 1
		case partSum:
			cells[r.index] = s.first + uint32(at)
		case partCount:
			cells[r.index] = s.first + uint32(at) + 1
		}
	}
	out.setInitial(next)
	cells[hidden] = next
	return cells
}

// addFaults adds to the family that counts faulty files, which is only shown where there are any.
func (p *layoutBuilder) addFaults(own *mergedFamily, faults []*Fault) {
	for _, fault := range faults {
		labels := []format.Label{{Name: "reason", Value: string(fault.Reason)}}
		p.refs = append(p.refs, ref{own, labels, p.labelText(labels), partValue, 0, uint32(len(p.refs))})
	}
}
