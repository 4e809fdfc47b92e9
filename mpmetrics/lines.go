package mpmetrics

import (
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Lines calls visit for each line that a family has on the page, in their order: with the sample, which is the line up to its
// value, and the value. The same sample is written the same way wherever the family comes from: labels by name.
func Lines(f *dto.MetricFamily, visit func(sample string, value float64)) {
	names := familyNames(f.GetName())
	for _, m := range f.GetMetric() {
		sorted := labelsOf(m)
		slices.SortStableFunc(sorted, func(a, b label) int { return strings.Compare(a.name, b.name) })
		labels := string(appendLabels(nil, sorted))
		eachLine(m, names, func(l line) {
			sample := l.name.append(nil, labels, l.own, l.ownValue)
			visit(string(sample[:len(sample)-len(" ")]), l.value)
		})
	}
}

// line is what a line of a metric has of its own.
type line struct {
	name     sampleName
	own      string // name of a label of the sample's own, le or quantile, or nothing
	ownValue float64
	value    float64
}

// eachLine gives the lines of a metric of client_golang's.
func eachLine(m *dto.Metric, names sampleNames, visit func(line)) {
	switch {
	case m.Counter != nil:
		visit(line{name: names.value, value: m.Counter.GetValue()})
	case m.Gauge != nil:
		visit(line{name: names.value, value: m.Gauge.GetValue()})
	case m.Untyped != nil:
		visit(line{name: names.value, value: m.Untyped.GetValue()})
	case m.Summary != nil:
		for _, q := range m.Summary.GetQuantile() {
			visit(line{names.value, "quantile", q.GetQuantile(), q.GetValue()})
		}
		visit(line{name: names.sum, value: m.Summary.GetSampleSum()})
		visit(line{name: names.count, value: float64(m.Summary.GetSampleCount())})
	case m.Histogram != nil:
		eachBucket(m.Histogram, names, visit)
	}
}

// eachBucket gives the classic buckets; text has no other.
func eachBucket(h *dto.Histogram, names sampleNames, visit func(line)) {
	count := h.GetSampleCountFloat()
	if count == 0 {
		count = float64(h.GetSampleCount())
	}
	last := math.Inf(-1)
	for _, b := range h.GetBucket() {
		last = b.GetUpperBound()
		n := b.GetCumulativeCountFloat()
		if n == 0 {
			n = float64(b.GetCumulativeCount())
		}
		visit(line{names.bucket, "le", last, n})
	}
	if !math.IsInf(last, +1) {
		visit(line{names.bucket, "le", math.Inf(+1), count})
	}
	visit(line{name: names.sum, value: h.GetSampleSum()})
	visit(line{name: names.count, value: count})
}
