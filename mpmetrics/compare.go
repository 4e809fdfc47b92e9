package mpmetrics

import (
	"runtime/debug"
	"slices"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// Row is a sample of the page beside what the files of each column contribute to it.
type Row struct {
	Name   string  // the beginning of its line, as in http_requests_total
	Sample string  // its line up to the value; of gauges with one line per process, without the label pid
	Type   string  // counter, gauge, histogram or summary
	OnPage bool    // false if the page has a line per process instead, or none
	Merged float64 // the value on the page; 0 if OnPage is false
	Parts  []Part  // by column; columns without the sample are missing
}

// Part is the value that would be on the page if there were no files but those of a column.
type Part struct {
	Column int     // index of the column in the argument of Compare
	Value  float64 // merged from its files
}

// Compare sets the page of each column's files beside that of the whole directory, as it was at the Look. Rows are in the
// order of the page. Only wanted samples have rows; a nil wanted accepts all.
//
// The columns are read later than the page was: amounts counted in between are in the columns alone.
func (in *Inspection) Compare(columns [][]*File, wanted func(name, sample string) bool) []Row {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	c := newComparison(in.values, wanted)
	column := make(map[*source][]int, len(in.Files))
	for i, files := range columns {
		for _, f := range files {
			column[f.source] = append(column[f.source], i)
		}
	}
	parts := make([][]filePart, len(columns))
	for _, part := range c.layout.parts {
		for _, i := range column[part.source] {
			parts[i] = append(parts[i], part)
		}
	}
	for i := range columns {
		c.read(i, parts[i])
	}
	return c.rows
}

// Page returns the samples of the page as it was at the Look, in its order and written as in the text format 0.0.4. A gauge with
// one line per process has a Row for each line, with the label pid. Only wanted samples have rows; a nil wanted accepts all.
func (in *Inspection) Page(wanted func(name, sample string) bool) []Row {
	p := in.values.layout
	lines := p.template(expfmt.FmtText.ToEscapingScheme())
	var rows []Row
	for _, f := range p.families {
		for i := range f.series {
			s := &f.series[i]
			for i := range f.width(s) {
				index := s.first + uint32(i)
				name, sample := lineName(f, s, i), lines.sample(index)
				if in.values.isSet(f, index) && (wanted == nil || wanted(name, sample)) {
					rows = append(rows, Row{Name: name, Sample: sample, Type: f.kind.Type.String(), OnPage: true, Merged: in.values.numbers[index]})
				}
			}
		}
	}
	return rows
}

// comparison is the state of a Compare.
type comparison struct {
	layout  *pageLayout
	rows    []Row
	byIndex []comparedValue

	// scratch has the values of the current column. Between columns, those of series with a row are as the layout has them
	// before anything is read; the others are not used.
	scratch values
	met     []comparedValue
	done    map[*mergedSeries]bool
}

// comparedValue is the place of a number of the layout in the comparison.
type comparedValue struct {
	row    int           // -1 if it has none
	family *mergedFamily // nil if the series has no row
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
	compared := c.byIndex[s.first : s.first+uint32(f.width(s))]
	anyRow := false
	for i := range compared {
		index := s.first + uint32(i)
		row := Row{Name: lineName(f, s, i), Sample: lines.sample(index), Type: f.kind.Type.String()}
		if f.kind.PerProcess() {
			row.Sample = withoutPID(f, s)
			if at, ok := perProcess[row.Sample]; ok {
				compared[i].row, anyRow = at, true
				continue
			}
		} else if page.isSet(f, index) {
			row.OnPage, row.Merged = true, page.numbers[index]
		}
		if wanted != nil && !wanted(row.Name, row.Sample) {
			continue
		}
		compared[i].row, anyRow = len(c.rows), true
		perProcess[row.Sample] = len(c.rows)
		c.rows = append(c.rows, row)
	}
	for i := range compared {
		if anyRow { // of all: the count of a histogram comes from its buckets
			compared[i].family, compared[i].series = f, s
		}
	}
}

// lineName returns the beginning of the line of a series' i-th number.
func lineName(f *mergedFamily, s *mergedSeries, i int) string {
	names := lineNames(f.kind.Type, f.name)
	switch n := len(s.bounds); {
	case len(names) == 1 || i < n:
		return names[0]
	default: // the sum and the count are the last two
		return names[len(names)-2+i-n]
	}
}

// withoutPID returns the text of a series without the label pid.
func withoutPID(f *mergedFamily, s *mergedSeries) string {
	labels := slices.DeleteFunc(slices.Clone(s.labels), func(l format.Label) bool { return l.Name == "pid" })
	line := newSampleName(f.name).append(nil, string(appendLabels(nil, labels)), "", 0)
	return string(line[:len(line)-len(" ")])
}

// read reads the files of a column. Values that were truncated since the Look are missing. The caller must have called
// debug.SetPanicOnFault.
func (c *comparison) read(column int, parts []filePart) {
	v := &c.scratch
	for _, part := range parts {
		_ = v.add(part)
		for _, step := range part.steps {
			if compared := c.byIndex[step.index]; compared.series != nil && !c.done[compared.series] {
				c.done[compared.series] = true
				c.met = append(c.met, compared)
			}
		}
	}
	for _, met := range c.met {
		if met.family.kind.Type == format.Histogram {
			cumulate(v.numbers[met.series.first:], len(met.series.bounds))
		}
		for i := range met.family.width(met.series) {
			index := met.series.first + uint32(i)
			if row := c.byIndex[index].row; row >= 0 && v.isSet(met.family, index) {
				c.rows[row].Parts = append(c.rows[row].Parts, Part{column, v.numbers[index]})
			}
			v.numbers[index], v.times[index] = c.layout.initial[index], 0
		}
	}
	c.met = c.met[:0]
	clear(c.done)
}
