package mpmetrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// Gather implements prometheus.Gatherer: the families of the directory and of the further Gatherers, by name. An
// error is of a further Gatherer; all that could be gathered is there nevertheless.
func (c *Collector) Gather() ([]*dto.MetricFamily, error) {
	s := c.acquire()
	defer c.release(s)
	further, err := c.gatherOthers(s.layout)
	var all []*dto.MetricFamily
	s.layout.eachFamily(further,
		func(i int) {
			if f := s.metricFamily(i); len(f.Metric) > 0 {
				all = append(all, f)
			}
		},
		func(f *dto.MetricFamily) { all = append(all, f) })
	return all, err
}

// Describe implements prometheus.Collector. It describes nothing, since what is in the directory can change, which
// makes this a Collector that a registry does not check.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector: what Gather gives, metric by metric. Its error is a metric, too, that a registry
// reports.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	families, err := c.Gather()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			ch <- collected{prometheus.NewDesc(f.GetName(), f.GetHelp(), nil, constLabels(m)), m}
		}
	}
}

// collected is a metric as it was gathered.
type collected struct {
	desc   *prometheus.Desc
	metric *dto.Metric
}

func (m collected) Desc() *prometheus.Desc { return m.desc }

func (m collected) Write(out *dto.Metric) error {
	out.Label = m.metric.Label
	out.Counter, out.Gauge, out.Untyped = m.metric.Counter, m.metric.Gauge, m.metric.Untyped
	out.Histogram, out.Summary = m.metric.Histogram, m.metric.Summary
	out.TimestampMs = m.metric.TimestampMs
	return nil
}

func constLabels(m *dto.Metric) prometheus.Labels {
	labels := prometheus.Labels{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

// metricFamily is the i-th family of a plan with its values.
func (s *values) metricFamily(i int) *dto.MetricFamily {
	f := s.layout.families[i]
	out := &dto.MetricFamily{Name: new(f.name), Help: new(f.help), Type: dtoType(f.kind.Type).Enum()}
	for j := range f.series {
		series := &f.series[j]
		if !s.set(f, series.first) {
			continue
		}
		m := &dto.Metric{}
		for _, l := range series.labels {
			m.Label = append(m.Label, &dto.LabelPair{Name: new(l.Name), Value: new(l.Value)})
		}
		values := s.numbers[series.first:]
		n := len(series.bounds)
		switch f.kind.Type {
		case format.Counter:
			m.Counter = &dto.Counter{Value: new(values[0])}
		case format.Gauge:
			m.Gauge = &dto.Gauge{Value: new(values[0])}
		case format.Summary:
			m.Summary = &dto.Summary{SampleSum: new(values[0]), SampleCount: new(count(values[1]))}
		case format.Histogram:
			m.Histogram = &dto.Histogram{SampleSum: new(values[n]), SampleCount: new(count(values[n+1]))}
			for k, bound := range series.bounds {
				m.Histogram.Bucket = append(m.Histogram.Bucket,
					&dto.Bucket{UpperBound: new(bound), CumulativeCount: new(count(values[k]))})
			}
		}
		out.Metric = append(out.Metric, m)
	}
	return out
}

// count is a count as protobuf has it. A file can hold any number in its place.
func count(v float64) uint64 {
	if v >= 0 && v < 1<<63 {
		return uint64(v)
	}
	return 0
}
