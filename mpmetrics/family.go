package mpmetrics

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// family is a metric as its constructor was asked for it, with or without labels.
type family struct {
	w    *Writer
	kind kind
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
func (w *Writer) newFamily(k kind, o options) (*family, error) {
	name := prometheus.BuildFQName(o.namespace, o.subsystem, o.name)
	fail := func(err error) (*family, error) {
		return nil, fmt.Errorf("new %s %q: %w", k.typ, name, err)
	}
	f := &family{w: w, kind: k, name: name, help: o.help}
	f.desc = prometheus.NewDesc(name, o.help, o.labelNames, o.constLabels)
	if err := f.desc.Err(); err != nil {
		return fail(err)
	}
	if o.unit != "" {
		return fail(errors.New("metric files have no place for a unit: make it part of the name"))
	}
	if k.typ == counterType {
		base, ok := strings.CutSuffix(name, "_total")
		if !ok || base == "" {
			return fail(errors.New("a counter's name must end in _total"))
		}
		f.name = base
	}
	labelNames := slices.Sorted(maps.Keys(o.constLabels))
	labelNames = append(labelNames, slices.Sorted(slices.Values(o.labelNames))...)
	if taken := reservedLabel(k.typ); slices.Contains(labelNames, taken) {
		return fail(fmt.Errorf("the label %s has a meaning of its own in a %s", taken, k.typ))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.names.claim(exposedNames(k.typ, f.name), claimed{
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

// reservedLabel is the label that exposition itself sets on metrics of a type.
func reservedLabel(t metricType) string {
	return [metricTypes]string{gaugeType: "pid", histogramType: "le", summaryType: "quantile"}[t]
}

// exposedNames are all the names that a family takes on the page and in the file.
func exposedNames(t metricType, family string) []string {
	switch t {
	case counterType:
		return []string{family, family + "_total"}
	case histogramType:
		return []string{family, family + "_bucket", family + "_sum", family + "_count"}
	case summaryType:
		return []string{family, family + "_sum", family + "_count"}
	}
	return []string{family}
}

// labels are constant and variable ones, sorted by name.
func (f *family) labels(values []string) []label {
	pairs := prometheus.MakeLabelPairs(f.desc, values)
	labels := make([]label, len(pairs))
	for i, p := range pairs {
		labels[i] = label{p.GetName(), p.GetValue()}
	}
	return labels
}

// series makes series with a cell for each of the keys.
func (f *family) series(keys ...key) *series {
	s := &series{w: f.w, kind: f.kind, cells: make([]cell, len(keys)), keys: make([]string, len(keys))}
	for i, k := range keys {
		k.family, k.help = f.name, f.help
		s.keys[i] = k.encode()
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

// names are the exposed names of a Writer's families. Two families with one name would be one on the page.
type names map[string]*claimed

// claimed is what families of one name must agree in, as client_golang's registry has it. They must differ in the
// values of their constant labels.
type claimed struct {
	kind        kind
	name        string
	help        string
	labelNames  string
	constLabels []string
}

func (n names) claim(exposed []string, c claimed) error {
	var same *claimed
	for _, name := range exposed {
		other := n[name]
		switch {
		case other == nil:
		case other.name != c.name || other.kind != c.kind:
			return fmt.Errorf("the name %s is taken by the %s %q", name, other.kind.typ, other.name)
		case other.help != c.help || other.labelNames != c.labelNames:
			return errors.New("the same name was given another help text or other labels before")
		case slices.Contains(other.constLabels, c.constLabels[0]):
			return errors.New("it exists already")
		default:
			same = other
		}
	}
	if same != nil {
		same.constLabels = append(same.constLabels, c.constLabels...)
		return nil
	}
	for _, name := range exposed {
		n[name] = &c
	}
	return nil
}
