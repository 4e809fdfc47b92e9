package inspect

import (
	"math"
	"slices"
	"strings"

	"multiproc/mpmetrics"
)

// change is what became of a sample between two pages.
type change struct {
	sample        string
	before, after *float64 // nil: it was not there
}

// delta is by how much it has changed. What was not there was 0.
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

// value is the new value for people.
func (c change) value() string {
	if c.after == nil {
		return "gone"
	}
	return mpmetrics.FormatValue(*c.after)
}

// changes are those from one page to another, by sample.
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

// signed is a value with its sign.
func signed(v float64) string {
	if v >= 0 {
		return "+" + mpmetrics.FormatValue(v)
	}
	return mpmetrics.FormatValue(v)
}
