package mpmetrics

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

type counter struct {
	self
	family *family
	values []string
	*series
}

// NewCounter makes a counter, which is on the page at once. Its name must end in _total and be free.
func (w *Writer) NewCounter(opts prometheus.CounterOpts) (prometheus.Counter, error) {
	f, err := w.newCounterFamily(opts, nil)
	if err != nil {
		return nil, err
	}
	return newCounter(f, nil), nil
}

// NewCounterVec makes a vector of counters, each of which is on the page from when it is first asked for.
func (w *Writer) NewCounterVec(opts prometheus.CounterOpts, labelNames []string) (*prometheus.CounterVec, error) {
	f, err := w.newCounterFamily(opts, labelNames)
	if err != nil {
		return nil, err
	}
	return &prometheus.CounterVec{MetricVec: f.vec(func(values []string) prometheus.Metric {
		return newCounter(f, values)
	})}, nil
}

func (w *Writer) newCounterFamily(o prometheus.CounterOpts, labelNames []string) (*family, error) {
	return w.newFamily(format.Kind{Type: format.Counter}, options{
		o.Namespace, o.Subsystem, o.Name, o.Help, o.Unit, o.ConstLabels, labelNames,
	})
}

func newCounter(f *family, values []string) *counter {
	c := &counter{family: f, values: values}
	c.metric = c
	c.series = f.w.share(f.series(format.Key{Sample: f.name + "_total", Labels: f.labels(values)}))
	return c
}

func (c *counter) Desc() *prometheus.Desc { return c.family.desc }

func (c *counter) Inc() { c.add(0, 1) }

func (c *counter) Add(v float64) {
	if v < 0 {
		panic(errors.New("counter cannot decrease in value"))
	}
	c.add(0, v)
}

// Write gives this process's own count.
func (c *counter) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(c.family.desc, c.values)
	m.Counter = &dto.Counter{Value: new(c.get(0))}
	return nil
}
