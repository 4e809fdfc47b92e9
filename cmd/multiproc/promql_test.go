package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// promSeries is a series in the format of Prometheus' API, with one value or all of a range.
type promSeries struct {
	Metric map[string]string
	Value  promPoint
	Values []promPoint
}

// promPoint is a value at a time.
type promPoint struct {
	at    time.Time
	value float64
}

// UnmarshalJSON reads [seconds, "value"].
func (p *promPoint) UnmarshalJSON(text []byte) error {
	var seconds float64
	var value string
	if err := json.Unmarshal(text, &[]any{&seconds, &value}); err != nil {
		return err
	}
	p.at = time.UnixMilli(int64(seconds*1000 + 0.5))
	var err error
	p.value, err = strconv.ParseFloat(value, 64)
	return err
}

func (p promPoint) String() string {
	return fmt.Sprintf("%g at %s", p.value, p.at.Format(time.TimeOnly))
}

// name returns the series as a page writes it, without these labels.
func (s promSeries) name(without ...string) string {
	labels := maps.Clone(s.Metric)
	delete(labels, "__name__")
	for _, label := range without {
		delete(labels, label)
	}
	return seriesName(s.Metric["__name__"], labels)
}

// query evaluates an expression at a time.
func (p *prometheusServer) query(at time.Time, expr string) []promSeries {
	p.t.Helper()
	var data struct{ Result []promSeries }
	parameters := url.Values{"query": {expr}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if err := p.get("/api/v1/query?"+parameters.Encode(), &data); err != nil {
		p.t.Fatalf("%s: %v", expr, err)
	}
	return data.Result
}

// counters returns the names of all counters and histogram counts, except those of Prometheus.
func (p *prometheusServer) counters() []string {
	p.t.Helper()
	var families map[string][]struct{ Type string }
	check(p.t, p.get("/api/v1/metadata", &families))
	var names []string
	for name, found := range families {
		switch {
		case found[0].Type == "counter" && strings.HasSuffix(name, "_total"):
			names = append(names, name)
		case found[0].Type == "histogram":
			names = append(names, name+"_bucket", name+"_count", name+"_sum")
		case found[0].Type == "counter": // OpenMetrics has it without the suffix
			names = append(names, name+"_total")
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
