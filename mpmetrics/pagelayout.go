package mpmetrics

import (
	"errors"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// faultyFiles is the name of a gauge that is in no file. A file that has it conflicts with it.
const faultyFiles = "multiproc_metric_files_faulty"

// pageLayout maps each value of each file to its place on the page, and has everything on the page but the values. It is made
// when the entries of the directory's files change, is immutable, and reduces a scrape to a loop over numbers.
type pageLayout struct {
	families   []*mergedFamily // by name
	parts      []filePart      // by file name: sums of floats must come out the same each time
	initial    []float64       // the numbers before the first file is read; the last is for samples that are not shown
	hasTimes   bool            // there are most recent gauges
	plainNames bool            // all names are written the same in every escaping scheme
	faults     []*Fault        // of the files, and the conflicts between them

	templates templates
}

// mergedFamily is a family of all files together.
type mergedFamily struct {
	name   string // as exposed: of a counter with _total
	kind   format.Kind
	help   string
	file   string // the first one that has it
	series []mergedSeries
}

// mergedSeries has the numbers from index first on: one for a counter or gauge, otherwise one per bound, the sum and the
// count, in this order.
type mergedSeries struct {
	labels []format.Label
	text   string // the labels as on the page, without braces
	bounds []float64
	first  uint32
}

// width returns the number of numbers of a series.
func (f *mergedFamily) width(s *mergedSeries) int {
	if f.kind.Type == format.Histogram || f.kind.Type == format.Summary {
		return len(s.bounds) + 2
	}
	return 1
}

// filePart is one file's part of a page.
type filePart struct {
	source *source
	steps  []step
}

// step merges the value at an offset of the file into the number at an index.
type step struct {
	offset, index uint32
}

// setInitial makes the numbers as they are before anything is read: 0 for sums, NaN for minimum and maximum, which any value
// replaces. last is the index of the last one.
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

// faultyFiles returns the number of files with a fault for a reason.
func (p *pageLayout) faultyFiles(r Reason) int {
	files := map[string]bool{}
	for _, f := range p.faults {
		if limit, ok := errors.AsType[limitError](f.Err); ok && r == ReasonLimit {
			return limit.leftOut
		}
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

// eachFamily calls own for the layout's families, by index, and other for others, all in the order of their names.
func (p *pageLayout) eachFamily(others []*dto.MetricFamily, own func(i int), other func(*dto.MetricFamily)) {
	for i, f := range p.families {
		for len(others) > 0 && others[0].GetName() < f.name {
			other(others[0])
			others = others[1:]
		}
		own(i)
	}
	for _, f := range others {
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
