package mpmetrics

import (
	"cmp"
	"errors"
	"slices"

	dto "github.com/prometheus/client_model/go"
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

func (c *Collector) logDuplicate(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loggedDuplicates[name] {
		c.loggedDuplicates[name] = true
		c.log.Warn("duplicate metric family, first source shown", "family", name)
	}
}
