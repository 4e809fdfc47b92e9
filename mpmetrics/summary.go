package mpmetrics

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// summary is a count and a sum, in this order in the file, as prometheus_client writes them.
type summary struct {
	self
	family *family
	values []string
	*series
}

const (
	summaryCount = iota
	summarySum
)

// NewSummary makes a summary, which is a count and a sum: quantiles of several processes cannot be merged, so
// that Objectives are an error.
func (w *Writer) NewSummary(opts prometheus.SummaryOpts) (prometheus.Summary, error) {
	f, err := w.newSummaryFamily(opts, nil)
	if err != nil {
		return nil, err
	}
	return newSummary(f, nil), nil
}

// NewSummaryVec makes a vector of summaries, each of which is on the page from when it is first asked for.
func (w *Writer) NewSummaryVec(opts prometheus.SummaryOpts, labelNames []string) (*prometheus.SummaryVec, error) {
	f, err := w.newSummaryFamily(opts, labelNames)
	if err != nil {
		return nil, err
	}
	return &prometheus.SummaryVec{MetricVec: f.vec(func(values []string) prometheus.Metric {
		return newSummary(f, values)
	})}, nil
}

func (w *Writer) newSummaryFamily(o prometheus.SummaryOpts, labelNames []string) (*family, error) {
	if len(o.Objectives) > 0 {
		return nil, fmt.Errorf("new summary %q: %w", prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name),
			errors.New("quantiles of several processes cannot be merged: use a histogram"))
	}
	return w.newFamily(format.Kind{Type: format.Summary}, options{
		o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labelNames,
	})
}

func newSummary(f *family, values []string) *summary {
	s := &summary{family: f, values: values}
	s.metric = s
	labels := f.labels(values)
	s.series = f.w.share(f.series(
		format.Key{Sample: f.name + "_count", Labels: labels},
		format.Key{Sample: f.name + "_sum", Labels: labels},
	))
	return s
}

func (s *summary) Desc() *prometheus.Desc { return s.family.desc }

func (s *summary) Observe(v float64) {
	s.add(summaryCount, 1)
	s.add(summarySum, v)
}

// Write gives this process's own count and sum.
func (s *summary) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(s.family.desc, s.values)
	m.Summary = &dto.Summary{
		SampleCount: new(uint64(s.get(summaryCount))),
		SampleSum:   new(s.get(summarySum)),
	}
	return nil
}
