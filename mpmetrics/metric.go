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

// family has the properties that the metrics of one constructor share.
type family struct {
	w      *Writer
	kind   format.Kind
	name   string // in the file: of a counter without _total
	help   string
	desc   *prometheus.Desc
	bounds []float64 // of a histogram's buckets, without +Inf
}

// newFamily checks the options as client_golang does on registration, and for what the format requires besides.
func (w *Writer) newFamily(k format.Kind, o prometheus.Opts, labelNames []string) (*family, error) {
	name := prometheus.BuildFQName(o.Namespace, o.Subsystem, o.Name)
	fail := func(err error) (*family, error) {
		return nil, fmt.Errorf("new %s %q: %w", k.Type, name, err)
	}
	f := &family{w: w, kind: k, name: name, help: o.Help}
	f.desc = prometheus.NewDesc(name, o.Help, labelNames, o.ConstLabels)
	if err := f.desc.Err(); err != nil {
		return fail(err)
	}
	if o.Unit != "" {
		return fail(errors.New("metric files have no place for a unit: make it part of the name"))
	}
	if k.Type == format.Counter {
		base, ok := strings.CutSuffix(name, "_total")
		if !ok || base == "" {
			return fail(errors.New("a counter's name must end in _total"))
		}
		f.name = base
	}
	names := append(slices.Sorted(maps.Keys(o.ConstLabels)), slices.Sorted(slices.Values(labelNames))...)
	if reserved := reservedLabel(k.Type); slices.Contains(names, reserved) {
		return fail(fmt.Errorf("the label %s is reserved in a %s", reserved, k.Type))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.registry.register(exposedNames(k.Type, f.name), registration{
		kind:        k,
		name:        name,
		help:        o.Help,
		labelNames:  fmt.Sprintf("%q", names),
		constLabels: []string{fmt.Sprintf("%q", o.ConstLabels)},
	})
	if err != nil {
		return fail(err)
	}
	return f, nil
}

// registry has a Writer's families by their exposed names. Two families with one name would be one on the page.
type registry map[string]*registration

// registration has the properties in which families of one name must agree. They must differ in the values of
// their constant labels.
type registration struct {
	kind        format.Kind
	name        string
	help        string
	labelNames  string
	constLabels []string // of each of the families
}

func (r registry) register(exposed []string, new registration) error {
	var same *registration
	for _, name := range exposed {
		other := r[name]
		switch {
		case other == nil:
		case other.name != new.name || other.kind != new.kind:
			return fmt.Errorf("the name %s is taken by the %s %q", name, other.kind.Type, other.name)
		case other.help != new.help || other.labelNames != new.labelNames:
			return errors.New("a metric of this name with another help text or other labels exists")
		case slices.Contains(other.constLabels, new.constLabels[0]):
			return errors.New("it exists already")
		default:
			same = other
		}
	}
	if same != nil {
		same.constLabels = append(same.constLabels, new.constLabels...)
		return nil
	}
	for _, name := range exposed {
		r[name] = &new
	}
	return nil
}

// exposedNames returns all names that a family takes on the page and in the file.
func exposedNames(t format.Type, family string) []string {
	switch t {
	case format.Counter:
		return []string{family, family + "_total"}
	case format.Gauge:
		return []string{family}
	default:
		return append(lineNames(t, family), family)
	}
}

// child is one series of a family. Metrics of all types embed it.
type child struct {
	*series
	family      *family
	labelValues []string
	metric      prometheus.Metric // the metric that embeds the child
}

// newChild makes a child with a value for each of the keys, whose family, help and constant labels it sets.
func (f *family) newChild(labelValues []string, keys ...format.Key) child {
	s := &series{w: f.w, kind: f.kind, values: make([]seriesValue, len(keys)), keys: make([]string, len(keys))}
	for i, k := range keys {
		k.Family, k.Help = f.name, f.help
		s.keys[i] = k.Encode()
	}
	lazy := f.kind.Type == format.Gauge // it is on the page once it is set
	return child{series: f.w.adopt(s, lazy), family: f, labelValues: labelValues}
}

// labels returns the constant and the variable labels, sorted by name.
func (f *family) labels(values []string) []format.Label {
	return labelsOf(prometheus.MakeLabelPairs(f.desc, values))
}

func (c *child) Desc() *prometheus.Desc { return c.family.desc }

func (c *child) Describe(ch chan<- *prometheus.Desc) { ch <- c.family.desc }

func (c *child) Collect(ch chan<- prometheus.Metric) { ch <- c.metric }

// newSingle makes the only metric of a family without labels, unless the family could not be made.
func newSingle[M any](f *family, err error, newMetric func(f *family, labelValues []string) M) (M, error) {
	if err != nil {
		var none M
		return none, err
	}
	return newMetric(f, nil), nil
}

// newVec makes a vector of a family's metrics, unless the family could not be made.
func newVec[M prometheus.Metric, V any](f *family, err error, newMetric func(f *family, labelValues []string) M,
	wrap func(*prometheus.MetricVec) *V,
) (*V, error) {
	if err != nil {
		return nil, err
	}
	return wrap(prometheus.NewMetricVec(f.desc, func(values ...string) prometheus.Metric { return newMetric(f, values) })), nil
}

// Must returns the metric, or panics with err if there is one. Code that made its metrics with client_golang's constructors,
// which panic too, needs no other change.
func Must[T any](metric T, err error) T {
	if err != nil {
		panic(err)
	}
	return metric
}
