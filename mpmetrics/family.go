package mpmetrics

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics/internal/format"
)

// family is a metric as its constructor was asked for it, with or without labels.
type family struct {
	w    *Writer
	kind format.Kind
	name string // in the file: a counter's without _total
	help string
	desc *prometheus.Desc
}

// options are what the options of all of client_golang's metric types have in common.
type options struct {
	namespace, subsystem, name, help, unit string
	constLabels                            prometheus.Labels
	labelNames                             []string
}

// newFamily checks the options as client_golang does on registration, and for what the format asks besides.
func (w *Writer) newFamily(k format.Kind, o options) (*family, error) {
	name := prometheus.BuildFQName(o.namespace, o.subsystem, o.name)
	fail := func(err error) (*family, error) {
		return nil, fmt.Errorf("new %s %q: %w", k.Type, name, err)
	}
	f := &family{w: w, kind: k, name: name, help: o.help}
	f.desc = prometheus.NewDesc(name, o.help, o.labelNames, o.constLabels)
	if err := f.desc.Err(); err != nil {
		return fail(err)
	}
	if o.unit != "" {
		return fail(errors.New("metric files have no place for a unit: make it part of the name"))
	}
	if k.Type == format.Counter {
		base, ok := strings.CutSuffix(name, "_total")
		if !ok || base == "" {
			return fail(errors.New("a counter's name must end in _total"))
		}
		f.name = base
	}
	labelNames := slices.Sorted(maps.Keys(o.constLabels))
	labelNames = append(labelNames, slices.Sorted(slices.Values(o.labelNames))...)
	if taken := reservedLabel(k.Type); slices.Contains(labelNames, taken) {
		return fail(fmt.Errorf("the label %s has a meaning of its own in a %s", taken, k.Type))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.names.claim(exposedNames(k.Type, f.name), claimed{
		kind:        k,
		name:        name,
		help:        o.help,
		labelNames:  fmt.Sprintf("%q", labelNames),
		constLabels: []string{fmt.Sprintf("%q", o.constLabels)},
	})
	if err != nil {
		return fail(err)
	}
	return f, nil
}

// labels are constant and variable ones, sorted by name.
func (f *family) labels(values []string) []format.Label {
	return labelsOf(prometheus.MakeLabelPairs(f.desc, values))
}

// series makes series with a cell for each of the keys.
func (f *family) series(keys ...format.Key) *series {
	s := &series{w: f.w, kind: f.kind, values: make([]seriesValue, len(keys)), keys: make([]string, len(keys))}
	for i, k := range keys {
		k.Family, k.Help = f.name, f.help
		s.keys[i] = k.Encode()
	}
	return s
}

// vec makes a vector whose children newMetric makes, of the values of the labels.
func (f *family) vec(newMetric func(values []string) prometheus.Metric) *prometheus.MetricVec {
	return prometheus.NewMetricVec(f.desc, func(values ...string) prometheus.Metric { return newMetric(values) })
}

// self collects a single metric, as each of client_golang's does.
type self struct{ metric prometheus.Metric }

func (s self) Describe(ch chan<- *prometheus.Desc) { ch <- s.metric.Desc() }

func (s self) Collect(ch chan<- prometheus.Metric) { ch <- s.metric }
