package mpmetrics

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// histogram is a sum, then a bucket per bound with the observations of this bucket only, in this order in the file, as
// prometheus_client writes them. Readers cumulate the buckets and take the count from them.
type histogram struct {
	bounds []float64 // without +Inf
	child
}

// Values of a histogram: bucket i is firstBucket+i. The last bucket, +Inf, has no bound.
const (
	histogramSum = iota
	firstBucket
)

// linearSearch is the number of bounds up to which a linear search is faster than a binary one.
const linearSearch = 35

// NewHistogram makes a histogram with classic buckets, which is on the page at once. The bounds must increase; by default they
// are prometheus.DefBuckets. Options of native histograms are an error.
func (w *Writer) NewHistogram(opts prometheus.HistogramOpts) (prometheus.Histogram, error) {
	f, err := w.newHistogramFamily(opts, nil)
	return newSingle(f, err, newHistogram)
}

// NewHistogramVec makes a vector of histograms. Each is on the page once it is first asked for.
func (w *Writer) NewHistogramVec(opts prometheus.HistogramOpts, labelNames []string) (*prometheus.HistogramVec, error) {
	f, err := w.newHistogramFamily(opts, labelNames)
	return newVec(f, err, newHistogram, func(v *prometheus.MetricVec) *prometheus.HistogramVec {
		return &prometheus.HistogramVec{MetricVec: v}
	})
}

func (w *Writer) newHistogramFamily(o prometheus.HistogramOpts, labelNames []string) (*family, error) {
	bounds, err := classicBounds(o)
	if err != nil {
		return nil, fmt.Errorf("new histogram %q: %w", prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name), err)
	}
	f, err := w.newFamily(format.Kind{Type: format.Histogram}, prometheus.Opts{
		Namespace: o.Namespace, Subsystem: o.Subsystem, Name: o.Name, Help: o.Help, Unit: o.Unit, ConstLabels: o.ConstLabels,
	}, labelNames)
	if err != nil {
		return nil, err
	}
	f.bounds = bounds
	return f, nil
}

func classicBounds(o prometheus.HistogramOpts) ([]float64, error) {
	if o.NativeHistogramBucketFactor != 0 || o.NativeHistogramZeroThreshold != 0 ||
		o.NativeHistogramMaxBucketNumber != 0 || o.NativeHistogramMinResetDuration != 0 ||
		o.NativeHistogramMaxZeroThreshold != 0 || o.NativeHistogramMaxExemplars != 0 || o.NativeHistogramExemplarTTL != 0 {
		return nil, errors.New("metric files have no place for native histograms")
	}
	bounds := slices.Clone(o.Buckets)
	if len(bounds) == 0 {
		bounds = slices.Clone(prometheus.DefBuckets)
	}
	for i, b := range bounds {
		if math.IsNaN(b) || i > 0 && b <= bounds[i-1] {
			return nil, fmt.Errorf("bucket bounds must increase, but number %d is %v", i, b)
		}
	}
	if last := len(bounds) - 1; math.IsInf(bounds[last], +1) {
		bounds = bounds[:last]
	}
	return bounds, nil
}

func newHistogram(f *family, labelValues []string) prometheus.Histogram {
	labels := f.labels(labelValues)
	at := sort.Search(len(labels), func(i int) bool { return labels[i].Name > "le" })
	keys := make([]format.Key, 0, firstBucket+len(f.bounds)+1)
	keys = append(keys, format.Key{Sample: f.name + "_sum", Labels: labels})
	for _, b := range append(slices.Clip(f.bounds), math.Inf(+1)) {
		le := format.Label{Name: "le", Value: string(appendFloat(nil, b))}
		keys = append(keys, format.Key{Sample: f.name + "_bucket", Labels: slices.Insert(slices.Clone(labels), at, le)})
	}
	h := &histogram{f.bounds, f.newChild(labelValues, keys...)}
	h.metric = h
	return h
}

// Observe counts NaN in the last bucket, as client_golang does.
func (h *histogram) Observe(v float64) {
	h.addBoth(firstBucket+h.bucket(v), 1, histogramSum, v)
}

func (h *histogram) bucket(v float64) int {
	if len(h.bounds) > linearSearch {
		return sort.SearchFloat64s(h.bounds, v)
	}
	for i, b := range h.bounds {
		if v <= b {
			return i
		}
	}
	return len(h.bounds)
}

// Write writes this process's own observations. The count is that of the buckets as they were read, so neither is ahead of the
// other. The sum is read before and updated after them: it has no observation that the count lacks.
func (h *histogram) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(h.family.desc, h.labelValues)
	m.Histogram = &dto.Histogram{SampleSum: new(h.get(histogramSum))}
	total := uint64(0)
	for i, b := range h.bounds {
		total += count(h.get(firstBucket + i))
		m.Histogram.Bucket = append(m.Histogram.Bucket, &dto.Bucket{UpperBound: new(b), CumulativeCount: new(total)})
	}
	total += count(h.get(firstBucket + len(h.bounds)))
	m.Histogram.SampleCount = new(total)
	return nil
}
