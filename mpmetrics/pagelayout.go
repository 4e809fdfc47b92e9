package mpmetrics

import (
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// faultyFiles is the name of the gauge that is in no file. A file that gives it too is in conflict.
const faultyFiles = "multiproc_metric_files_faulty"

// plan says, for one state of the directory's tables, where each value of each file goes and what the page is made
// of. It is made when a table changes, does not change itself, and makes a scrape a loop over numbers.
type pageLayout struct {
	families   []*mergedFamily // by name
	parts      []filePart      // by file name: sums of floats must come out the same each time
	initial    []float64       // the cells before the first file is read; the last is for what is not shown
	hasTimes   bool            // whether there are gauges that go by the time of setting
	plainNames bool            // whether all names are of the old kind, which is written the same in every scheme
	faults     []*Fault        // the files', and the conflicts between them

	templates templates
}

// mergedFamily is a family of all files together.
type mergedFamily struct {
	name   string // as exposed: a counter's with _total
	kind   format.Kind
	help   string
	file   string // the first one that has it
	series []mergedSeries
}

// mergedSeries owns the cells from first on: one for a counter or gauge, else one for each bound, the sum and the
// count, in this order.
type mergedSeries struct {
	labels []format.Label
	text   string // the labels as on the page, without braces
	bounds []float64
	first  uint32
}

func (f *mergedFamily) width(s *mergedSeries) int {
	if f.kind.Type == format.Histogram || f.kind.Type == format.Summary {
		return len(s.bounds) + 2
	}
	return 1
}

// read is one file's part in a plan.
type filePart struct {
	source *source
	steps  []step
}

// step sends the value at an offset to a cell.
type step struct {
	offset, index uint32
}

// prepare makes the cells as they are before anything is read: 0 for what is added up, NaN for the smallest and
// the largest, which any value replaces.
func (p *pageLayout) setInitial(last uint32) {
	p.initial = make([]float64, last+1)
	for _, f := range p.families {
		mode := f.kind.Mode.Base()
		p.hasTimes = p.hasTimes || f.kind.Type == format.Gauge && mode == format.MostRecent
		if f.kind.Type == format.Gauge && (mode == format.Min || mode == format.Max) {
			for i := range f.series {
				p.initial[f.series[i].first] = math.NaN()
			}
		}
		if f.name == faultyFiles {
			for i := range f.series {
				p.initial[f.series[i].first] = float64(p.faultyFiles(Reason(f.series[i].labels[0].Value)))
			}
		}
	}
}

// faultyFiles is how many files have a fault for a reason.
func (p *pageLayout) faultyFiles(r Reason) int {
	files := map[string]bool{}
	for _, f := range p.faults {
		if f.Reason == r {
			files[f.File] = true
		}
	}
	return len(files)
}

func (p *pageLayout) has(name string) bool {
	_, found := slices.BinarySearchFunc(p.families, name, func(f *mergedFamily, name string) int {
		return strings.Compare(f.name, name)
	})
	return found
}

// merge goes through the directory's families and further ones in the order of their names.
func (p *pageLayout) eachFamily(further []*dto.MetricFamily, own func(i int), other func(*dto.MetricFamily)) {
	for i, f := range p.families {
		for len(further) > 0 && further[0].GetName() < f.name {
			other(further[0])
			further = further[1:]
		}
		own(i)
	}
	for _, f := range further {
		other(f)
	}
}

func (p *pageLayout) hasPlainNames() bool {
	for _, f := range p.families {
		if !model.LegacyValidation.IsValidMetricName(f.name) {
			return false
		}
		for i := range f.series {
			for _, l := range f.series[i].labels {
				if !model.LegacyValidation.IsValidLabelName(l.Name) {
					return false
				}
			}
		}
	}
	return true
}
