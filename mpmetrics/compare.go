package mpmetrics

import (
	"runtime/debug"
	"slices"

	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// Row is a sample of the page beside what the files of each column give to it.
type Row struct {
	Name   string  // what its line begins with, as in http_requests_total
	Sample string  // its line up to the value; of gauges that have one for each process, without the label pid
	Type   string  // counter, gauge, histogram or summary
	OnPage bool    // false where the page has a line for each process instead, or none
	Merged float64 // what is on the page; 0 where OnPage is false
	Parts  []Part  // by column; those that have nothing of it are missing
}

// Part is what would be on the page if there were no files but those of a column.
type Part struct {
	Column int     // index of the column among those that were given to Compare
	Value  float64 // its own merged value
}

// Compare sets the page of each column's files beside that of the whole directory, which is the one of the Look. Rows are
// in the order of the page. Of those that are not wanted nothing is kept; a nil wanted wants all.
//
// The columns are read later than the page was: what is counted in between is in the columns alone.
func (in *Inspection) Compare(columns [][]*File, wanted func(name, sample string) bool) []Row {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	c := newComparison(in.values, wanted)
	column := make(map[*source][]int, len(in.Files))
	for i, files := range columns {
		for _, f := range files {
			column[f.source] = append(column[f.source], i)
		}
	}
	reads := make([][]filePart, len(columns))
	for _, r := range c.layout.parts {
		for _, i := range column[r.source] {
			reads[i] = append(reads[i], r)
		}
	}
	for i := range columns {
		c.read(i, reads[i])
	}
	return c.rows
}

// Page returns the samples of the page at the time of the Look, in its order. A gauge with a line for each process has a Row for
// each of them, with the label pid. Samples that are not wanted are left out; a nil wanted wants all.
func (in *Inspection) Page(wanted func(name, sample string) bool) []Row {
	p := in.values.layout
	lines := p.template(model.NoEscaping)
	var rows []Row
	for _, f := range p.families {
		for i := range f.series {
			s := &f.series[i]
			for i := range f.width(s) {
				cell := s.first + uint32(i)
				name, sample := lineName(f, s, i), lines.sample(cell)
				if in.values.set(f, cell) && (wanted == nil || wanted(name, sample)) {
					rows = append(rows, Row{Name: name, Sample: sample, Type: f.kind.Type.String(), OnPage: true, Merged: in.values.numbers[cell]})
				}
			}
		}
	}
	return rows
}

// comparison is a Compare under way.
type comparison struct {
	layout  *pageLayout
	rows    []Row
	byIndex []comparedValue

	// scratch has the values of the column at hand. Between columns those of series with a row are as the plan has them
	// before anything is read; nobody looks at the others.
	scratch values
	met     []comparedValue
	done    map[*mergedSeries]bool
}

// comparedCell says what a cell of the plan is to the comparison.
type comparedValue struct {
	row    int           // -1: of no row
	family *mergedFamily // of a series that has a row; else nil
	series *mergedSeries
}

func newComparison(page *values, wanted func(name, sample string) bool) *comparison {
	p := page.layout
	c := &comparison{
		layout:  p,
		byIndex: make([]comparedValue, len(p.initial)),
		scratch: values{layout: p, numbers: slices.Clone(p.initial), times: make([]float64, len(p.initial))},
		done:    map[*mergedSeries]bool{},
	}
	for i := range c.byIndex {
		c.byIndex[i].row = -1
	}
	lines := p.template(model.NoEscaping)
	for _, f := range p.families {
		perProcess := map[string]int{} // rows, by their samples
		for i := range f.series {
			c.addSeries(page, f, &f.series[i], lines, perProcess, wanted)
		}
	}
	return c
}

func (c *comparison) addSeries(page *values, f *mergedFamily, s *mergedSeries, lines *template, perProcess map[string]int,
	wanted func(name, sample string) bool,
) {
	cells := c.byIndex[s.first : s.first+uint32(f.width(s))]
	anyRow := false
	for i := range cells {
		cell := s.first + uint32(i)
		row := Row{Name: lineName(f, s, i), Sample: lines.sample(cell), Type: f.kind.Type.String()}
		if f.kind.PerProcess() {
			row.Sample = withoutPID(f, s)
			if at, ok := perProcess[row.Sample]; ok {
				cells[i].row, anyRow = at, true
				continue
			}
		} else if page.set(f, cell) {
			row.OnPage, row.Merged = true, page.numbers[cell]
		}
		if wanted != nil && !wanted(row.Name, row.Sample) {
			continue
		}
		cells[i].row, anyRow = len(c.rows), true
		perProcess[row.Sample] = len(c.rows)
		c.rows = append(c.rows, row)
	}
	for i := range cells {
		if anyRow { // the count of a histogram comes from its buckets
			cells[i].family, cells[i].series = f, s
		}
	}
}

// lineName is what the line of a series' i-th cell begins with.
func lineName(f *mergedFamily, s *mergedSeries, i int) string {
	names := lineNames(f.kind.Type, f.name)
	switch n := len(s.bounds); {
	case len(names) == 1 || i < n:
		return names[0]
	default: // the sum and the count are the last two
		return names[len(names)-2+i-n]
	}
}

// withoutPID is the text of a series of a gauge that has one for each process, without the label that says whose it is.
func withoutPID(f *mergedFamily, s *mergedSeries) string {
	labels := slices.DeleteFunc(slices.Clone(s.labels), func(l format.Label) bool { return l.Name == "pid" })
	line := newSampleName(f.name).append(nil, string(appendLabels(nil, labels)), "", 0)
	return string(line[:len(line)-len(" ")])
}

// read reads the files of a column. What was cut short since the Look is missing. The caller must have called
// debug.SetPanicOnFault.
func (c *comparison) read(column int, reads []filePart) {
	s := &c.scratch
	for _, r := range reads {
		_ = r.mergeInto(s)
		for _, step := range r.steps {
			if cell := c.byIndex[step.index]; cell.series != nil && !c.done[cell.series] {
				c.done[cell.series] = true
				c.met = append(c.met, cell)
			}
		}
	}
	for _, of := range c.met {
		if of.family.kind.Type == format.Histogram {
			accumulate(s.numbers[of.series.first:], len(of.series.bounds))
		}
		for i := range of.family.width(of.series) {
			cell := of.series.first + uint32(i)
			if row := c.byIndex[cell].row; row >= 0 && s.set(of.family, cell) {
				c.rows[row].Parts = append(c.rows[row].Parts, Part{column, s.numbers[cell]})
			}
			s.numbers[cell], s.times[cell] = c.layout.initial[cell], 0
		}
	}
	c.met = c.met[:0]
	clear(c.done)
}
