package mpmetrics_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// metricOpts says what a metric is asked for as.
type metricOpts struct {
	typ     string
	name    string
	help    string
	consts  prometheus.Labels
	labels  []string
	mode    mpmetrics.Mode
	unit    string
	buckets []float64
}

func (o metricOpts) make(w *mpmetrics.Writer) error {
	var err error
	switch {
	case o.typ == "counter" && o.labels == nil:
		_, err = w.NewCounter(prometheus.CounterOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit})
	case o.typ == "counter":
		_, err = w.NewCounterVec(prometheus.CounterOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit}, o.labels)
	case o.typ == "gauge" && o.labels == nil:
		_, err = w.NewGauge(prometheus.GaugeOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit}, o.mode)
	case o.typ == "gauge":
		_, err = w.NewGaugeVec(prometheus.GaugeOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit}, o.mode, o.labels)
	case o.typ == "histogram" && o.labels == nil:
		_, err = w.NewHistogram(prometheus.HistogramOpts{
			Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit, Buckets: o.buckets,
		})
	case o.typ == "histogram":
		_, err = w.NewHistogramVec(prometheus.HistogramOpts{
			Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit, Buckets: o.buckets,
		}, o.labels)
	case o.typ == "summary" && o.labels == nil:
		_, err = w.NewSummary(prometheus.SummaryOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit})
	case o.typ == "summary":
		_, err = w.NewSummaryVec(prometheus.SummaryOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit}, o.labels)
	}
	return err
}

// TestRefused asks for metrics that cannot be, each next to others that can, and wants the error to name its cause
// and the page to be without it.
func TestRefused(t *testing.T) {
	type opts = metricOpts
	labels := func(names ...string) []string { return names }
	for _, test := range []struct {
		name    string
		before  []opts
		refused opts
		cause   string
	}{
		{"counter without _total", nil, opts{typ: "counter", name: "requests"}, "_total"},
		{"counter of nothing else", nil, opts{typ: "counter", name: "_total"}, "_total"},
		{"no name", nil, opts{typ: "gauge"}, "name"},
		{"name that is not UTF-8", nil, opts{typ: "gauge", name: "a\xff"}, "not a valid metric name"},
		{"label that is not UTF-8", nil, opts{typ: "gauge", name: "g", labels: labels("a\xff")}, "not a valid label name"},
		{"label of the system", nil, opts{typ: "gauge", name: "g", labels: labels("__a")}, "not a valid label name"},
		{"label twice", nil, opts{typ: "gauge", name: "g", labels: labels("a", "a")}, "duplicate label"},
		{
			"label and constant label",
			nil,
			opts{typ: "gauge", name: "g", consts: prometheus.Labels{"a": "1"}, labels: labels("a")},
			"duplicate label",
		},
		{"pid of a gauge", nil, opts{typ: "gauge", name: "g", labels: labels("pid")}, "pid"},
		{"constant pid of a gauge", nil, opts{typ: "gauge", name: "g", consts: prometheus.Labels{"pid": "1"}}, "pid"},
		{"le of a histogram", nil, opts{typ: "histogram", name: "h", labels: labels("a", "le")}, "le"},
		{"quantile of a summary", nil, opts{typ: "summary", name: "s", labels: labels("quantile")}, "quantile"},
		{"unit of a counter", nil, opts{typ: "counter", name: "a_total", unit: "bytes"}, "unit"},
		{"unit of a gauge", nil, opts{typ: "gauge", name: "a", unit: "bytes"}, "unit"},
		{"unit of a histogram", nil, opts{typ: "histogram", name: "a", unit: "bytes"}, "unit"},
		{"unit of a summary", nil, opts{typ: "summary", name: "a", unit: "bytes"}, "unit"},
		{"bounds that fall", nil, opts{typ: "histogram", name: "h", buckets: []float64{1, 3, 2}}, "must increase"},
		{"bounds that stay", nil, opts{typ: "histogram", name: "h", buckets: []float64{1, 1}}, "must increase"},
		{"bound that is no number", nil, opts{typ: "histogram", name: "h", buckets: []float64{math.NaN(), 1}}, "must increase"},
		{"bound after infinity", nil, opts{typ: "histogram", name: "h", buckets: []float64{math.Inf(+1), math.Inf(+1)}}, "must increase"},
		{"same name twice", []opts{{typ: "counter", name: "a_total"}}, opts{typ: "counter", name: "a_total"}, "exists already"},
		{
			"same name with other help",
			[]opts{{typ: "counter", name: "a_total", help: "A.", consts: prometheus.Labels{"x": "1"}}},
			opts{typ: "counter", name: "a_total", help: "B.", consts: prometheus.Labels{"x": "2"}},
			"another help text",
		},
		{
			"same name with other labels",
			[]opts{{typ: "counter", name: "a_total", labels: labels("x")}},
			opts{typ: "counter", name: "a_total", labels: labels("y")},
			"other labels",
		},
		{
			"same constant labels again",
			[]opts{
				{typ: "counter", name: "a_total", consts: prometheus.Labels{"x": "1"}},
				{typ: "counter", name: "a_total", consts: prometheus.Labels{"x": "2"}},
			},
			opts{typ: "counter", name: "a_total", consts: prometheus.Labels{"x": "1"}},
			"exists already",
		},
		{
			"same name in another mode",
			[]opts{{typ: "gauge", name: "g", mode: mpmetrics.ModeMin, consts: prometheus.Labels{"x": "1"}}},
			opts{typ: "gauge", name: "g", mode: mpmetrics.ModeMax, consts: prometheus.Labels{"x": "2"}},
			"taken",
		},
		{"gauge of a counter's family", []opts{{typ: "counter", name: "x_total"}}, opts{typ: "gauge", name: "x"}, "taken"},
		{"gauge of a counter's sample", []opts{{typ: "counter", name: "x_total"}}, opts{typ: "gauge", name: "x_total"}, "taken"},
		{"counter of a gauge's family", []opts{{typ: "gauge", name: "x"}}, opts{typ: "counter", name: "x_total"}, "taken"},
		{"gauge of a histogram's count", []opts{{typ: "histogram", name: "h"}}, opts{typ: "gauge", name: "h_count"}, "taken"},
		{"gauge of a histogram's buckets", []opts{{typ: "histogram", name: "h"}}, opts{typ: "gauge", name: "h_bucket"}, "taken"},
		{"counter of a histogram's count", []opts{{typ: "histogram", name: "h"}}, opts{typ: "counter", name: "h_count_total"}, "taken"},
		{"histogram of a gauge's name", []opts{{typ: "gauge", name: "h_sum"}}, opts{typ: "histogram", name: "h"}, "taken"},
		{"summary of a histogram's name", []opts{{typ: "histogram", name: "h"}}, opts{typ: "summary", name: "h"}, "taken"},
		{"summary of a gauge's name", []opts{{typ: "gauge", name: "s_count"}}, opts{typ: "summary", name: "s"}, "taken"},
		{"the writer's own", nil, opts{typ: "gauge", name: "multiproc_metric_series_unshared"}, "taken"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "w1")
			for _, o := range test.before {
				check(t, o.make(w))
			}
			before := string(scrape(t, dir))
			err := test.refused.make(w)
			if err == nil {
				t.Fatal("no error")
			}
			if want := fmt.Sprintf("new %s", test.refused.typ); !strings.HasPrefix(err.Error(), want) ||
				!strings.Contains(err.Error(), test.cause) || !strings.Contains(err.Error(), fmt.Sprintf("%q", test.refused.name)) {
				t.Errorf("error %q, want it to begin with %q, and to name %q and %q", err, want, test.refused.name, test.cause)
			}
			if after := string(scrape(t, dir)); after != before {
				t.Errorf("the page was\n%s\nand is now\n%s", before, after)
			}
		})
	}
}

// TestRefusedKinds asks for what client_golang has and the files have no place for.
func TestRefusedKinds(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	f := func(opts prometheus.HistogramOpts) {
		t.Helper()
		opts.Name = "h"
		if _, err := w.NewHistogram(opts); err == nil || !strings.Contains(err.Error(), "native") {
			t.Errorf("histogram: error %v", err)
		}
		if _, err := w.NewHistogramVec(opts, []string{"l"}); err == nil || !strings.Contains(err.Error(), "native") {
			t.Errorf("vector of histograms: error %v", err)
		}
	}
	f(prometheus.HistogramOpts{NativeHistogramBucketFactor: 1.1})
	f(prometheus.HistogramOpts{NativeHistogramBucketFactor: 1.1, Buckets: []float64{1}})
	f(prometheus.HistogramOpts{NativeHistogramZeroThreshold: 1})
	f(prometheus.HistogramOpts{NativeHistogramMaxBucketNumber: 1})
	f(prometheus.HistogramOpts{NativeHistogramMinResetDuration: 1})
	f(prometheus.HistogramOpts{NativeHistogramMaxZeroThreshold: 1})
	f(prometheus.HistogramOpts{NativeHistogramMaxExemplars: 1})
	f(prometheus.HistogramOpts{NativeHistogramExemplarTTL: 1})

	opts := prometheus.SummaryOpts{Name: "s", Help: "Help.", Objectives: map[float64]float64{0.5: 0.05}}
	if _, err := w.NewSummary(opts); err == nil || !strings.Contains(err.Error(), "quantiles") {
		t.Errorf("summary: error %v", err)
	}
	if _, err := w.NewSummaryVec(opts, []string{"l"}); err == nil || !strings.Contains(err.Error(), "quantiles") {
		t.Errorf("vector of summaries: error %v", err)
	}
	for _, labels := range [][]string{nil, {"l"}} {
		o := metricOpts{typ: "gauge", name: "g", mode: mpmetrics.ModeLiveMostRecent + 1, labels: labels}
		if err := o.make(w); err == nil || !strings.Contains(err.Error(), "mode") {
			t.Errorf("gauge of no mode: error %v", err)
		}
	}
	// What was refused has taken no name.
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."}))
	mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."}))
}

// TestAccepted asks for metrics side by side that only look as if they were in each other's way.
func TestAccepted(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	for _, o := range []metricOpts{
		{typ: "counter", name: "a_total", consts: prometheus.Labels{"x": "1"}},
		{typ: "counter", name: "a_total", consts: prometheus.Labels{"x": "2"}},
		{typ: "histogram", name: "h", buckets: []float64{1}},
		{typ: "gauge", name: "h_total"},
		{typ: "counter", name: "h_seconds_total"},
		{typ: "counter", name: "le_total", labels: []string{"le", "pid", "quantile"}},
		{typ: "histogram", name: "only_inf", buckets: []float64{math.Inf(+1)}},
		{typ: "histogram", name: "pids", buckets: []float64{-1}, labels: []string{"pid"}},
		{typ: "summary", name: "ütf 8", consts: prometheus.Labels{"läbel": "1"}},
	} {
		if err := o.make(w); err != nil {
			t.Error(err)
		}
	}
	checkSamples(t, map[string]float64{
		`a_total{x="1"}`: 0, `a_total{x="2"}`: 0, "h_seconds_total{}": 0, unshared: 0,
		`h_bucket{le="1"}`: 0, `h_bucket{le="+Inf"}`: 0, "h_sum{}": 0, "h_count{}": 0,
		`only_inf_bucket{le="+Inf"}`: 0, "only_inf_sum{}": 0, "only_inf_count{}": 0,
		`_tf_8_sum{l_bel="1"}`: 0, `_tf_8_count{l_bel="1"}`: 0, // as they are written for scrapers that take no others
	}, parsePage(t, scrape(t, dir)))
}
