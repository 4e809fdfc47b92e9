package inspect

import (
	"math"
	"slices"
	"strings"

	"multiproc/mpmetrics"
)

// samples holds the values of a page by sample: its line up to the value.
type samples map[string]float64

// samplesOf returns the matching samples of a directory's page.
func samplesOf(in *mpmetrics.Inspection, match func(sample string) bool) samples {
	page := samples{}
	for _, row := range in.Page(func(_, sample string) bool { return match(sample) }) {
		page[row.Sample] = row.Merged
	}
	return page
}

// change is the difference of a sample between two pages.
type change struct {
	sample        string
	before, after *float64 // nil if the page does not have the sample
}

// delta returns the increase. A sample that a page does not have counts as 0.
func (c change) delta() float64 {
	delta := 0.0
	if c.after != nil {
		delta += *c.after
	}
	if c.before != nil {
		delta -= *c.before
	}
	return delta
}

// value returns the new value as text.
func (c change) value() string {
	if c.after == nil {
		return "gone"
	}
	return mpmetrics.FormatValue(*c.after)
}

// changes returns the differences between two pages, by sample.
func changes(before, after samples) []change {
	var found []change
	for sample, now := range after {
		then, ok := before[sample]
		switch {
		case !ok:
			found = append(found, change{sample, nil, &now})
		case now != then && !(math.IsNaN(now) && math.IsNaN(then)):
			found = append(found, change{sample, &then, &now})
		}
	}
	for sample, then := range before {
		if _, ok := after[sample]; !ok {
			found = append(found, change{sample, &then, nil})
		}
	}
	slices.SortFunc(found, func(a, b change) int { return strings.Compare(a.sample, b.sample) })
	return found
}

// signed formats a value with its sign.
func signed(v float64) string {
	if v >= 0 {
		return "+" + mpmetrics.FormatValue(v)
	}
	return mpmetrics.FormatValue(v)
}
