package admin

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"multiproc/store"
)

// chart is a timeline as stacked bars, in units of the drawing: chartWidth by chartHeight. The drawing has no texts, as these would
// be stretched with it.
type chart struct {
	Width, Height int
	Legend        []chartStatus
	Bars          []chartBar
	Top           string // value of the upper edge
	Middle        string
	Total         string
	Description   string
	Empty         bool
	Head          []string // statuses, of the table with the same data
	Rows          []chartRow
}

// chartStatus is a status, or several rare ones together.
type chartStatus struct {
	Name   string
	Class  string // of its colour
	Total  string
	counts []int64
	total  int64
}

// chartBar is an interval.
type chartBar struct {
	X, Width int
	Title    string
	Parts    []chartPart
}

type chartPart struct {
	Class     string
	Y, Height int
}

type chartRow struct {
	Interval string
	Counts   []string
	Total    string
}

const (
	chartWidth  = 960
	chartHeight = 240
	chartGap    = 4
	// chartColours is the number of statuses with a colour of their own. If there are more, the rarest share one.
	chartColours = 7
)

// charted returns the statuses with a colour of their own, by name, and the number of others.
func charted(window []store.Count) (names []string, others int) {
	totals := map[string]int64{}
	for _, c := range window {
		totals[c.Status] += c.N
	}
	names = slices.SortedFunc(maps.Keys(totals), func(a, b string) int {
		return cmp.Or(cmp.Compare(totals[b], totals[a]), cmp.Compare(a, b))
	})
	if len(names) > chartColours+1 {
		names, others = names[:chartColours], len(names)-chartColours
	}
	slices.Sort(names)
	return names, others
}

// newChart returns the chart of a timeline of these statuses and a number of others.
func newChart(t store.Timeline, statuses []string, others int) chart {
	intervals := len(t.Others)
	c := chart{Width: chartWidth, Height: chartHeight, Legend: chartStatuses(t, statuses, others)}
	sums := make([]int64, intervals)
	var total int64
	for i := range c.Legend {
		s := &c.Legend[i]
		for at, n := range s.counts {
			sums[at] += n
		}
		total += s.total
		s.Total = number(s.total)
		c.Head = append(c.Head, s.Name)
	}
	c.Total, c.Empty = number(total), total == 0
	top := niceTop(slices.Max(sums))
	c.Top, c.Middle = number(top), number(top/2)
	step := chartWidth / intervals
	for i := range intervals {
		from := t.Start.Add(t.Each * time.Duration(i))
		interval := from.Format("15:04") + "–" + from.Add(t.Each).Format("15:04")
		bar := chartBar{X: i * step, Width: step - chartGap, Title: interval + " UTC: " + number(sums[i])}
		row := chartRow{Interval: from.Format("2006-01-02 ") + interval, Total: number(sums[i])}
		var below int64
		for _, s := range c.Legend {
			n := s.counts[i]
			row.Counts = append(row.Counts, number(n))
			if n == 0 {
				continue
			}
			bar.Title += "\n" + s.Name + ": " + number(n)
			// Edges are rounded, not heights, so that the parts add up.
			lower, upper := chartHeight*below/top, chartHeight*(below+n)/top
			bar.Parts = append(bar.Parts, chartPart{s.Class, int(chartHeight - upper), int(max(upper-lower, 1))})
			below += n
		}
		c.Bars = append(c.Bars, bar)
		c.Rows = append(c.Rows, row)
	}
	c.Description = describe(c, t, sums)
	return c
}

// describe describes the drawing in a sentence.
func describe(c chart, t store.Timeline, sums []int64) string {
	if c.Empty {
		return "No transactions."
	}
	busiest := 0
	for i := range sums {
		if sums[i] > sums[busiest] {
			busiest = i
		}
	}
	from := t.Start.Add(t.Each * time.Duration(busiest))
	return fmt.Sprintf("%s transactions in %d intervals of %d minutes. The busiest interval began at %s UTC and had %s.",
		c.Total, len(sums), int(t.Each.Minutes()), from.Format("15:04"), number(sums[busiest]))
}

// chartStatuses returns the statuses of a timeline, and the others as one.
func chartStatuses(t store.Timeline, statuses []string, others int) []chartStatus {
	shown := make([]chartStatus, 0, len(statuses)+1)
	add := func(name string, counts []int64) {
		s := chartStatus{Name: name, Class: "s" + strconv.Itoa(len(shown)), counts: counts}
		for _, n := range counts {
			s.total += n
		}
		shown = append(shown, s)
	}
	for _, name := range statuses {
		add(name, t.Counts[name])
	}
	if others > 0 {
		add(fmt.Sprintf("%d others", others), t.Others)
	}
	return shown
}

// niceTop returns an even round number of at least n, for the upper edge.
func niceTop(n int64) int64 {
	for unit := int64(1); ; unit *= 10 {
		for _, m := range [...]int64{2, 4, 6, 8, 10, 14} {
			if n <= m*unit {
				return m * unit
			}
		}
	}
}
