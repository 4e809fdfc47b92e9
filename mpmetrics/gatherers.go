package mpmetrics

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// duplicateFamilies is the name of the gauge that counts families with more than one source.
const duplicateFamilies = "multiproc_metric_families_duplicate"

// gatherOthers gathers the families of the other Gatherers, by name, without those that are in the directory or that an
// earlier Gatherer has. These are logged once and counted.
func (c *Collector) gatherOthers(p *pageLayout) ([]*dto.MetricFamily, error) {
	if len(c.gatherers) == 0 {
		return nil, nil
	}
	var all []*dto.MetricFamily
	var duplicates int
	var errs []error
	taken := map[string]bool{duplicateFamilies: true}
	for _, g := range c.gatherers {
		families, err := g.Gather()
		errs = append(errs, err)
		for _, f := range families {
			switch name := f.GetName(); {
			case len(f.GetMetric()) == 0:
			case name == "":
				errs = append(errs, errors.New("gathered a metric family without a name"))
			case taken[name] || p.has(name):
				duplicates++
				c.logDuplicate(name)
			default:
				taken[name] = true
				all = append(all, f)
			}
		}
	}
	if duplicates > 0 {
		all = append(all, &dto.MetricFamily{
			Name:   new(duplicateFamilies),
			Help:   new("Families that more than one source of this page has, of which the first is shown."),
			Type:   dto.MetricType_GAUGE.Enum(),
			Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(float64(duplicates))}}},
		})
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return all, errors.Join(errs...)
}

// escapeOthers maps the names of all families to their escaped forms, or is empty if no name of gatherOthers must be escaped.
// No two families get the same name.
func (p *pageLayout) escapeOthers(others []*dto.MetricFamily, scheme model.EscapingScheme) map[string]string {
	escaped := map[string]string{}
	if scheme == model.NoEscaping || !slices.ContainsFunc(others, func(f *dto.MetricFamily) bool { return !isLegacy(f.GetName()) }) {
		return escaped
	}
	own := len(p.families)
	name := func(i int) string {
		if i < own {
			return p.families[i].name
		}
		return others[i-own].GetName()
	}
	for i, to := range escapeNames(own+len(others), name, scheme) {
		escaped[name(i)] = to
	}
	return escaped
}

// hasFamily reports whether a family of this name is among those of gatherOthers.
func hasFamily(others []*dto.MetricFamily, name string) bool {
	_, found := slices.BinarySearchFunc(others, name, func(f *dto.MetricFamily, name string) int {
		return cmp.Compare(f.GetName(), name)
	})
	return found
}

// otherName returns the name that a counter has in OpenMetrics besides its own: that of the family is without _total, that of the
// samples with it. It is empty if f is no counter.
func otherName(f *dto.MetricFamily) string {
	if f.GetType() != dto.MetricType_COUNTER {
		return ""
	}
	base, ok := strings.CutSuffix(f.GetName(), "_total")
	if !ok {
		base += "_total"
	}
	return base
}

// asUnknown converts a counter to a family of unknown type.
func asUnknown(f *dto.MetricFamily) *dto.MetricFamily {
	unknown := &dto.MetricFamily{Name: f.Name, Help: f.Help, Type: dto.MetricType_UNTYPED.Enum()}
	for _, m := range f.GetMetric() {
		unknown.Metric = append(unknown.Metric, &dto.Metric{
			Label: m.GetLabel(), Untyped: &dto.Untyped{Value: new(m.GetCounter().GetValue())}, TimestampMs: m.TimestampMs,
		})
	}
	return unknown
}

func (c *Collector) logDuplicate(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loggedDuplicates[name] {
		c.loggedDuplicates[name] = true
		c.log.Warn("duplicate metric family, first source shown", "family", name)
	}
}
