package mpmetrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

// counter is a child with one value; see series.add.
type counter struct{ child }

// NewCounter makes a counter, which is on the page at once. Its name must end in _total and be free.
func (w *Writer) NewCounter(opts prometheus.CounterOpts) (prometheus.Counter, error) {
	f, err := w.newFamily(format.Kind{Type: format.Counter}, prometheus.Opts(opts), nil)
	return newSingle(f, err, newCounter)
}

// NewCounterVec makes a vector of counters. Each is on the page once it is first asked for.
func (w *Writer) NewCounterVec(opts prometheus.CounterOpts, labelNames []string) (*prometheus.CounterVec, error) {
	f, err := w.newFamily(format.Kind{Type: format.Counter}, prometheus.Opts(opts), labelNames)
	return newVec(f, err, newCounter, func(v *prometheus.MetricVec) *prometheus.CounterVec {
		return &prometheus.CounterVec{MetricVec: v}
	})
}

func newCounter(f *family, labelValues []string) prometheus.Counter {
	c := &counter{f.newChild(labelValues, format.Key{Sample: f.name + "_total", Labels: f.labels(labelValues)})}
	c.metric = c
	return c
}

func (c *counter) Inc() { c.add(1) }

func (c *counter) Add(v float64) {
	if v < 0 {
		panic(errors.New("counter cannot decrease in value"))
	}
	c.add(v)
}

// Write writes this process's own count.
func (c *counter) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(c.family.desc, c.labelValues)
	m.Counter = &dto.Counter{Value: new(c.get(0))}
	return nil
}
