package mpmetrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics/internal/format"
)

type gauge struct{ child }

// NewGauge makes a gauge, which is on the page once it is set. In the modes that show the most recent value, Inc, Dec, Add
// and Sub change this process's own value and count as setting it.
func (w *Writer) NewGauge(opts prometheus.GaugeOpts, mode Mode) (prometheus.Gauge, error) {
	f, err := w.newGaugeFamily(opts, mode, nil)
	return newSingle(f, err, newGauge)
}

// NewGaugeVec makes a vector of gauges. Each is on the page once it is set.
func (w *Writer) NewGaugeVec(opts prometheus.GaugeOpts, mode Mode, labelNames []string) (*prometheus.GaugeVec, error) {
	f, err := w.newGaugeFamily(opts, mode, labelNames)
	return newVec(f, err, newGauge, func(v *prometheus.MetricVec) *prometheus.GaugeVec {
		return &prometheus.GaugeVec{MetricVec: v}
	})
}

func (w *Writer) newGaugeFamily(o prometheus.GaugeOpts, mode Mode, labelNames []string) (*family, error) {
	if int(mode) >= format.Modes {
		return nil, fmt.Errorf("new gauge %q: no such mode: %d", prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name), mode)
	}
	return w.newFamily(format.Kind{Type: format.Gauge, Mode: format.Mode(mode)}, prometheus.Opts(o), labelNames)
}

func newGauge(f *family, labelValues []string) prometheus.Gauge {
	g := &gauge{f.newChild(labelValues, format.Key{Sample: f.name, Labels: f.labels(labelValues)})}
	g.metric = g
	return g
}

func (g *gauge) Set(v float64) { g.set(v, g.now()) }

func (g *gauge) SetToCurrentTime() { g.Set(unixSeconds(time.Now())) }

func (g *gauge) Inc() { g.Add(1) }

func (g *gauge) Dec() { g.Add(-1) }

func (g *gauge) Sub(v float64) { g.Add(-v) }

func (g *gauge) Add(v float64) {
	g.add(v)
	if now := g.now(); now != 0 {
		g.touch(now)
	}
}

// now returns the time of an update if the mode depends on it, and otherwise 0, which saves reading the clock.
func (g *gauge) now() float64 {
	if g.family.kind.Mode.Base() != format.MostRecent {
		return 0
	}
	return unixSeconds(time.Now())
}

func unixSeconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// Write writes this process's own value.
func (g *gauge) Write(m *dto.Metric) error {
	m.Label = prometheus.MakeLabelPairs(g.family.desc, g.labelValues)
	m.Gauge = &dto.Gauge{Value: new(g.get(0))}
	return nil
}
