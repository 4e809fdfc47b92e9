package mpmetrics

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// Gather implements prometheus.Gatherer. It returns the families of the directory and of the other Gatherers, by name. If
// another Gatherer fails, it returns its error and all families that could be gathered.
func (c *Collector) Gather() ([]*dto.MetricFamily, error) {
	v := c.acquire()
	defer c.release(v)
	others, err := c.gatherOthers(v.layout)
	var all []*dto.MetricFamily
	v.layout.eachFamily(others,
		func(i int) {
			if f := v.metricFamily(i); len(f.Metric) > 0 {
				all = append(all, f)
			}
		},
		func(f *dto.MetricFamily) { all = append(all, f) })
	return all, err
}

// Describe implements prometheus.Collector. It sends nothing, since the content of the directory can change: a registry does
// not check this Collector.
func (c *Collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector. It sends the metrics that Gather returns, and its error as an invalid metric, which
// a registry reports.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	families, err := c.Gather()
	if err != nil {
		ch <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			ch <- collected{prometheus.V2.NewDesc(f.GetName(), f.GetHelp(), prometheus.UnconstrainedLabels(nil), constLabels(m), prometheus.WithUnit(f.GetUnit())), m}
		}
	}
}

// collected is a gathered metric.
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

// metricFamily returns the i-th family of the layout with its values.
func (v *values) metricFamily(i int) *dto.MetricFamily {
	f := v.layout.families[i]
	out := &dto.MetricFamily{Name: new(f.name), Help: new(f.help), Type: dtoType(f.kind.Type).Enum()}
	for j := range f.series {
		series := &f.series[j]
		if !v.isSet(f, series.first) {
			continue
		}
		m := &dto.Metric{}
		for _, l := range series.labels {
			m.Label = append(m.Label, &dto.LabelPair{Name: new(l.Name), Value: new(l.Value)})
		}
		numbers := v.numbers[series.first:]
		n := len(series.bounds)
		switch f.kind.Type {
		case format.Counter:
			m.Counter = &dto.Counter{Value: new(numbers[0])}
		case format.Gauge:
			m.Gauge = &dto.Gauge{Value: new(numbers[0])}
		case format.Summary:
			m.Summary = &dto.Summary{SampleSum: new(numbers[0]), SampleCount: new(count(numbers[1]))}
		case format.Histogram:
			m.Histogram = &dto.Histogram{SampleSum: new(numbers[n]), SampleCount: new(count(numbers[n+1]))}
			for k, bound := range series.bounds {
				m.Histogram.Bucket = append(m.Histogram.Bucket,
					&dto.Bucket{UpperBound: new(bound), CumulativeCount: new(count(numbers[k]))})
			}
		}
		out.Metric = append(out.Metric, m)
	}
	return out
}

// count converts a count for protobuf. A file can hold any number in its place.
func count(v float64) uint64 {
	if v >= 0 && v < 1<<63 {
		return uint64(v)
	}
	return 0
}
