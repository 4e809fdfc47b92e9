package mpmetrics_test

import (
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// metricOpts are the options of a metric of any type.
type metricOpts struct {
	typ     string
	name    string
	help    string
	consts  prometheus.Labels
	labels  []string
	mode    mpmetrics.Mode
	unit    string
	buckets []float64

	native     float64             // factor of a native histogram
	objectives map[float64]float64 // of a summary
}

func (o metricOpts) clientOpts() (prometheus.Opts, prometheus.HistogramOpts, prometheus.SummaryOpts) {
	return prometheus.Opts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit},
		prometheus.HistogramOpts{
			Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit, Buckets: o.buckets, NativeHistogramBucketFactor: o.native,
		},
		prometheus.SummaryOpts{Name: o.name, Help: o.help, ConstLabels: o.consts, Unit: o.unit, Objectives: o.objectives}
}

func (o metricOpts) make(w *mpmetrics.Writer) error {
	opts, histogram, summary := o.clientOpts()
	var err error
	switch typ, single := o.typ, o.labels == nil; {
	case typ == "counter" && single:
		_, err = w.NewCounter(prometheus.CounterOpts(opts))
	case typ == "counter":
		_, err = w.NewCounterVec(prometheus.CounterOpts(opts), o.labels)
	case typ == "gauge" && single:
		_, err = w.NewGauge(prometheus.GaugeOpts(opts), o.mode)
	case typ == "gauge":
		_, err = w.NewGaugeVec(prometheus.GaugeOpts(opts), o.mode, o.labels)
	case typ == "histogram" && single:
		_, err = w.NewHistogram(histogram)
	case typ == "histogram":
		_, err = w.NewHistogramVec(histogram, o.labels)
	case single:
		_, err = w.NewSummary(summary)
	default:
		_, err = w.NewSummaryVec(summary, o.labels)
	}
	return err
}

// TestRefused makes invalid metrics, some beside valid ones. The error must name its cause, and the page must not change.
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
		{"nothing but _total", nil, opts{typ: "counter", name: "_total"}, "_total"},
		{"no name", nil, opts{typ: "gauge"}, "name"},
		{"name that is not UTF-8", nil, opts{typ: "gauge", name: "a\xff"}, "not a valid metric name"},
		{"label that is not UTF-8", nil, opts{typ: "gauge", name: "g", labels: labels("a\xff")}, "not a valid label name"},
		{"reserved label", nil, opts{typ: "gauge", name: "g", labels: labels("__a")}, "not a valid label name"},
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
		{"decreasing bounds", nil, opts{typ: "histogram", name: "h", buckets: []float64{1, 3, 2}}, "must increase"},
		{"equal bounds", nil, opts{typ: "histogram", name: "h", buckets: []float64{1, 1}}, "must increase"},
		{"bound that is not a number", nil, opts{typ: "histogram", name: "h", buckets: []float64{math.NaN(), 1}}, "must increase"},
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

// TestRefusedKinds makes metrics that client_golang has and that metric files have no place for.
func TestRefusedKinds(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	refused := func(err error, cause string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), cause) {
			t.Errorf("error %v, want one about %s", err, cause)
		}
	}
	for _, opts := range []prometheus.HistogramOpts{
		{NativeHistogramBucketFactor: 1.1},
		{NativeHistogramBucketFactor: 1.1, Buckets: []float64{1}},
		{NativeHistogramZeroThreshold: 1},
		{NativeHistogramMaxBucketNumber: 1},
		{NativeHistogramMinResetDuration: 1},
		{NativeHistogramMaxZeroThreshold: 1},
		{NativeHistogramMaxExemplars: 1},
		{NativeHistogramExemplarTTL: 1},
	} {
		opts.Name = "h"
		_, err := w.NewHistogram(opts)
		refused(err, "native")
		_, err = w.NewHistogramVec(opts, []string{"l"})
		refused(err, "native")
	}
	opts := prometheus.SummaryOpts{Name: "s", Help: "Help.", Objectives: map[float64]float64{0.5: 0.05}}
	_, err := w.NewSummary(opts)
	refused(err, "quantiles")
	_, err = w.NewSummaryVec(opts, []string{"l"})
	refused(err, "quantiles")
	for _, labels := range [][]string{nil, {"l"}} {
		refused(metricOpts{typ: "gauge", name: "g", mode: mpmetrics.ModeLiveMostRecent + 1, labels: labels}.make(w), "mode")
	}
	// A refused metric takes no name.
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."}))
	mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."}))
}

// TestAccepted makes metrics that only seem to conflict.
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
		`_tf_8_sum{l_bel="1"}`: 0, `_tf_8_count{l_bel="1"}`: 0, // escaped for scrapers without UTF-8 names
	}, pageOfDir(t, dir))
}

// TestInstrumentation passes the vectors to promhttp's middleware, which requires client_golang's own types.
func TestInstrumentation(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	labels := []string{"code", "method"}
	inFlight := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "in_flight", Help: "Help."}, mpmetrics.ModeLiveSum))
	requests := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Help."}, labels))
	duration := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{Name: "duration_seconds", Help: "Help."}, labels))
	toHeader := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{Name: "header_seconds", Help: "Help."}, labels))
	requestSize := mpmetrics.Must(w.NewSummaryVec(prometheus.SummaryOpts{Name: "request_bytes", Help: "Help."}, nil))
	responseSize := mpmetrics.Must(w.NewSummaryVec(prometheus.SummaryOpts{Name: "response_bytes", Help: "Help."}, []string{"code"}))

	var during page
	handler := promhttp.InstrumentHandlerInFlight(inFlight,
		promhttp.InstrumentHandlerCounter(requests,
			promhttp.InstrumentHandlerDuration(duration,
				promhttp.InstrumentHandlerTimeToWriteHeader(toHeader,
					promhttp.InstrumentHandlerRequestSize(requestSize,
						promhttp.InstrumentHandlerResponseSize(responseSize,
							http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
								during = pageOfDir(t, dir)
								rw.WriteHeader(http.StatusTeapot)
								_, _ = io.WriteString(rw, "short and stout")
							})))))))
	for range 3 {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}

	after := pageOfDir(t, dir)
	if during.Samples["in_flight{}"] != 1 || after.Samples["in_flight{}"] != 0 {
		t.Errorf("%v requests in flight during one, %v after", during.Samples["in_flight{}"], after.Samples["in_flight{}"])
	}
	for sample, want := range map[string]float64{
		`requests_total{code="418",method="get"}`:         3,
		`duration_seconds_count{code="418",method="get"}`: 3,
		`header_seconds_count{code="418",method="get"}`:   3,
		`request_bytes_count{}`:                           3,
		`response_bytes_count{code="418"}`:                3,
		`response_bytes_sum{code="418"}`:                  45,
	} {
		if got := after.Samples[sample]; got != want {
			t.Errorf("%s is %v, want %v", sample, got, want)
		}
	}
}

// TestRegistry gathers a process's own values through client_golang's pedantic registry, while another process has values of
// the same metrics.
func TestRegistry(t *testing.T) {
	dir := t.TempDir()
	registry := prometheus.NewPedanticRegistry()
	for _, id := range []string{"w1", "w2"} {
		w := newWriter(t, dir, id)
		counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
			Name: "c_total", Help: "Counter.", ConstLabels: prometheus.Labels{"b": "const"},
		}, []string{"c", "a"}))
		counters.WithLabelValues("1", "2").Add(2)
		gauge := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Gauge."}, mpmetrics.ModeMostRecent))
		gauge.Set(3)
		gauge.Sub(1)
		gauge.Dec()
		gauge.Inc()
		unset := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "u", Help: "Help."}, mpmetrics.ModeMin))
		now := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "now", Help: "Help."}, mpmetrics.ModeMax))
		now.SetToCurrentTime()
		histograms := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{
			Name: "h", Help: "Histogram.", Buckets: []float64{1, 2, math.Inf(+1)},
		}, []string{"l"}))
		for _, v := range []float64{0.5, 1, 1.5, 5} {
			histograms.WithLabelValues("x").Observe(v)
		}
		summary := mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Summary."}))
		summary.Observe(2.5)
		if id == "w1" {
			registry.MustRegister(counters, gauge, unset, now, histograms, summary)
		}
	}
	families, err := registry.Gather()
	check(t, err)
	p := pageOf(families)
	if now := p.Samples["now{}"]; now < 1e9 {
		t.Errorf("the current time is %v", now)
	}
	delete(p.Samples, "now{}")
	checkSamples(t, map[string]float64{
		`c_total{a="2",b="const",c="1"}`: 2,
		"g{}":                            2,
		"u{}":                            0, // in the process; it is not on the page
		`h_bucket{l="x",le="1"}`:         2,
		`h_bucket{l="x",le="2"}`:         3,
		`h_count{l="x"}`:                 4,
		`h_sum{l="x"}`:                   8,
		"s_count{}":                      1,
		"s_sum{}":                        2.5,
	}, p)
	if got := p.Families["c_total"]; got != "COUNTER Counter." {
		t.Errorf("the counter is %q", got)
	}
	if v, ok := pageOfDir(t, dir).Samples["u{}"]; ok {
		t.Errorf("the gauge that was never set is %v on the page", v)
	}
}

// TestDeletedSeries deletes series from vectors in every way. They stay in the file, and continue there.
func TestDeletedSeries(t *testing.T) {
	for _, test := range []struct {
		name   string
		remove func(v *prometheus.CounterVec)
	}{
		{"Delete", func(v *prometheus.CounterVec) { v.Delete(prometheus.Labels{"l": "x"}) }},
		{"DeleteLabelValues", func(v *prometheus.CounterVec) { v.DeleteLabelValues("x") }},
		{"DeletePartialMatch", func(v *prometheus.CounterVec) { v.DeletePartialMatch(prometheus.Labels{"l": "x"}) }},
		{"Reset", (*prometheus.CounterVec).Reset},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			log := &proctest.Log{}
			w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
			v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
			want := map[string]float64{`c_total{l="x"}`: 5, `c_total{l="y"}`: 7, unshared: 0}
			v.WithLabelValues("x").Add(5)
			v.WithLabelValues("y").Add(7)
			test.remove(v)
			checkSamples(t, want, pageOfDir(t, dir))
			if text := log.String(); text != "" {
				t.Errorf("log before a series was made again:\n%s", text)
			}

			v.WithLabelValues("x").Add(1)
			v.WithLabelValues("y").Add(1)
			test.remove(v)
			v.WithLabelValues("x").Add(1)
			want[`c_total{l="x"}`], want[`c_total{l="y"}`] = 7, 8
			checkSamples(t, want, pageOfDir(t, dir))
			if log.Count("level=") != 1 || log.Count(deletedLine) != 1 {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// TestContinuedSeries: series of the id's last holder are not taken for series made again.
func TestContinuedSeries(t *testing.T) {
	dir := t.TempDir()
	for holder := range 3 {
		log := &proctest.Log{}
		w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
		v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
		v.WithLabelValues("x").Add(5)
		v.WithLabelValues("y").Add(7)
		g := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMax))
		g.Add(1)
		holders := float64(holder + 1)
		want := map[string]float64{`c_total{l="x"}`: 5 * holders, `c_total{l="y"}`: 7 * holders, "g{}": holders, unshared: 0}
		checkSamples(t, want, pageOfDir(t, dir))
		check(t, w.Close())
		delete(want, unshared)
		checkSamples(t, want, pageOfDir(t, dir))
		if text := log.String(); text != "" {
			t.Errorf("holder %d: log:\n%s", holder, text)
		}
	}
}

func TestCurryWith(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"a", "b", "c"}))
	curried := v.MustCurryWith(prometheus.Labels{"b": "2"})
	curried.WithLabelValues("1", "3").Inc()
	curried.With(prometheus.Labels{"c": "3", "a": "1"}).Inc()
	v.WithLabelValues("1", "2", "3").Inc()
	if _, err := curried.GetMetricWithLabelValues("1"); err == nil {
		t.Error("no error for a label too few")
	}
	h := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1}}, []string{"a", "b"}))
	h.MustCurryWith(prometheus.Labels{"a": "1"}).WithLabelValues("2").Observe(1)
	checkSamples(t, map[string]float64{
		`c_total{a="1",b="2",c="3"}`:         3,
		`h_bucket{a="1",b="2",le="1"}`:       1,
		`h_bucket{a="1",b="2",le="+Inf"}`:    1,
		`h_sum{a="1",b="2"}`:                 1,
		`h_count{a="1",b="2"}`:               1,
		"multiproc_metric_series_unshared{}": 0,
	}, pageOfDir(t, dir))
}

func TestUpdatesAllocateNothing(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	labels := []string{"a", "b"}
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, labels))
	gauges := mpmetrics.Must(w.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMostRecent, labels))
	histograms := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{Name: "h", Help: "Help."}, labels))
	summaries := mpmetrics.Must(w.NewSummaryVec(prometheus.SummaryOpts{Name: "s", Help: "Help."}, labels))
	for name, update := range map[string]func(){
		"counter":   func() { counters.WithLabelValues("x", "y").Inc() },
		"gauge":     func() { gauges.WithLabelValues("x", "y").Set(1) },
		"gauge Add": func() { gauges.WithLabelValues("x", "y").Add(1) },
		"histogram": func() { histograms.WithLabelValues("x", "y").Observe(3) },
		"summary":   func() { summaries.WithLabelValues("x", "y").Observe(3) },
	} {
		if n := testing.AllocsPerRun(100, update); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func TestCounterCannotDecrease(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	c := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
	c.Add(2)
	c.Add(0)
	defer func() {
		if recover() == nil {
			t.Error("adding -1 did not panic")
		}
		if got := ownMetric(t, c).GetCounter().GetValue(); got != 2 {
			t.Errorf("the counter is %v, want 2", got)
		}
	}()
	c.Add(-1)
}

// TestGaugeNeverSet has two processes with the same gauges. Only one sets them, and the other must not count as 0.
func TestGaugeNeverSet(t *testing.T) {
	dir := t.TempDir()
	set, other := newWriter(t, dir, "w1"), newWriter(t, dir, "w2")
	want := map[string]float64{unshared: 0}
	for mode := mpmetrics.ModeAll; mode <= mpmetrics.ModeLiveMostRecent; mode++ {
		for _, sign := range []float64{+1, -1} {
			name := fmt.Sprintf("g_%v_%v", mode, map[bool]string{true: "plus", false: "minus"}[sign > 0])
			g := mpmetrics.Must(set.NewGauge(prometheus.GaugeOpts{Name: name}, mode))
			g.Set(sign * 5)
			mpmetrics.Must(other.NewGauge(prometheus.GaugeOpts{Name: name}, mode))
			mpmetrics.Must(other.NewGaugeVec(prometheus.GaugeOpts{Name: name + "_unset"}, mode, []string{"l"})).WithLabelValues("x")
			sample := name + "{}"
			if mode == mpmetrics.ModeAll || mode == mpmetrics.ModeLiveAll {
				sample = name + `{pid="w1"}`
			}
			want[sample] = sign * 5
		}
	}
	checkSamples(t, want, pageOfDir(t, dir))
}

// TestObserveBounds observes at, between and beyond bounds, few enough for a linear search and more.
func TestObserveBounds(t *testing.T) {
	for _, bounds := range [][]float64{
		{-1, 0, 2},
		prometheus.LinearBuckets(-50, 0.5, 201),
	} {
		t.Run(fmt.Sprint(len(bounds), " bounds"), func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "w1")
			h := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: bounds}))
			memory := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: bounds})
			observed := []float64{
				math.Inf(-1), -100, -1.0000001, -1, math.Copysign(0, -1), 0, 5e-324, 1, 2, 2.0000001, 50, 51, 1e300, math.Inf(+1), math.NaN(),
			}
			for _, v := range observed {
				h.Observe(v)
				memory.Observe(v)
			}
			want := ownMetric(t, memory).GetHistogram()
			got := ownMetric(t, h).GetHistogram()
			for i, b := range want.GetBucket() {
				if n := got.GetBucket()[i].GetCumulativeCount(); n != b.GetCumulativeCount() {
					t.Errorf("up to %v: %d observations, want %d", b.GetUpperBound(), n, b.GetCumulativeCount())
				}
				sample := fmt.Sprintf(`h_bucket{le="%v"}`, b.GetUpperBound())
				if n := pageOfDir(t, dir).Samples[sample]; n != float64(b.GetCumulativeCount()) {
					t.Errorf("%s is %v on the page, want %d", sample, n, b.GetCumulativeCount())
				}
			}
			if got.GetSampleCount() != uint64(len(observed)) || !math.IsNaN(got.GetSampleSum()) {
				t.Errorf("count %d and sum %v, want %d and NaN", got.GetSampleCount(), got.GetSampleSum(), len(observed))
			}
			if n := pageOfDir(t, dir).Samples[`h_bucket{le="+Inf"}`]; n != float64(len(observed)) {
				t.Errorf("the bucket +Inf is %v on the page, want %d", n, len(observed))
			}
		})
	}
}
