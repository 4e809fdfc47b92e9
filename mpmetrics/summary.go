package mpmetrics

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// summary is a count and a sum, in this order in the file, as prometheus_client writes them.
type summary struct{ child }

// Values of a summary.
const (
	summaryCount = iota
	summarySum
)

// NewSummary makes a summary of a count and a sum, which is on the page at once. Objectives are an error, since quantiles of
// several processes cannot be merged.
func (w *Writer) NewSummary(opts prometheus.SummaryOpts) (prometheus.Summary, error) {
	f, err := w.newSummaryFamily(opts, nil)
	return newSingle(f, err, newSummary)
}

// NewSummaryVec makes a vector of summaries. Each is on the page once it is first asked for.
func (w *Writer) NewSummaryVec(opts prometheus.SummaryOpts, labelNames []string) (*prometheus.SummaryVec, error) {
	f, err := w.newSummaryFamily(opts, labelNames)
	return newVec(f, err, newSummary, func(v *prometheus.MetricVec) *prometheus.SummaryVec {
		return &prometheus.SummaryVec{MetricVec: v}
	})
}

func (w *Writer) newSummaryFamily(o prometheus.SummaryOpts, labelNames []string) (*family, error) {
	if len(o.Objectives) > 0 {
		return nil, fmt.Errorf("new summary %q: quantiles of several processes cannot be merged: use a histogram",
			prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name))
	}
	return w.newFamily(format.Kind{Type: format.Summary}, prometheus.Opts{
		Namespace: o.Namespace, Subsystem: o.Subsystem, Name: o.Name, Help: o.Help, Unit: o.Unit, ConstLabels: o.ConstLabels,
	}, labelNames)
}

func newSummary(f *family, labelValues []string) prometheus.Summary {
	labels := f.labels(labelValues)
	s := &summary{f.newChild(
		labelValues, format.Key{Sample: f.name + "_count", Labels: labels}, format.Key{Sample: f.name + "_sum", Labels: labels},
	)}
	s.metric = s
	return s
}

func (s *summary) Observe(v float64) {
	s.addBoth(summaryCount, 1, summarySum, v)
}

// Write writes this process's own count and sum.
func (s *summary) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(s.family.desc, s.labelValues)
	m.Summary = &dto.Summary{
		SampleCount: new(uint64(s.get(summaryCount))),
		SampleSum:   new(s.get(summarySum)),
	}
	return nil
}
