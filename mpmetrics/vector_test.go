package mpmetrics_test

import (
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestInstrumentation gives the vectors to promhttp's middleware, which asks for client_golang's own types.
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
								during = parsePage(t, scrape(t, dir))
								rw.WriteHeader(http.StatusTeapot)
								_, _ = io.WriteString(rw, "short and stout")
							})))))))
	for range 3 {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}

	after := parsePage(t, scrape(t, dir))
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

// TestRegistry gathers a process's own values through client_golang's registry, which checks what it gets, while
// another process has values of the same metrics.
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
		"u{}":                            0, // in the process it is 0, as everywhere; on the page it is not
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
	if v, ok := parsePage(t, scrape(t, dir)).Samples["u{}"]; ok {
		t.Errorf("the gauge that was never set is %v on the page", v)
	}
}

// TestDeletedSeries deletes series from vectors in every way. They stay in the file, and go on there.
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
			checkSamples(t, want, parsePage(t, scrape(t, dir)))
			if text := log.String(); text != "" {
				t.Errorf("log before a series was made again:\n%s", text)
			}

			v.WithLabelValues("x").Add(1)
			v.WithLabelValues("y").Add(1)
			test.remove(v)
			v.WithLabelValues("x").Add(1)
			want[`c_total{l="x"}`], want[`c_total{l="y"}`] = 7, 8
			checkSamples(t, want, parsePage(t, scrape(t, dir)))
			if log.Count("level=") != 1 || log.Count(deletedLine) != 1 {
				t.Errorf("log:\n%s", log)
			}
		})
	}
}

// TestContinuedSeries sees that what a process finds of its predecessor is not taken for a series made again.
func TestContinuedSeries(t *testing.T) {
	dir := t.TempDir()
	for life := range 3 {
		log := &proctest.Log{}
		w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
		v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
		v.WithLabelValues("x").Add(5)
		v.WithLabelValues("y").Add(7)
		g := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMax))
		g.Add(1)
		lives := float64(life + 1)
		want := map[string]float64{`c_total{l="x"}`: 5 * lives, `c_total{l="y"}`: 7 * lives, "g{}": lives, unshared: 0}
		checkSamples(t, want, parsePage(t, scrape(t, dir)))
		check(t, w.Close())
		delete(want, unshared)
		checkSamples(t, want, parsePage(t, scrape(t, dir)))
		if text := log.String(); text != "" {
			t.Errorf("life %d: log:\n%s", life, text)
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
	}, parsePage(t, scrape(t, dir)))
}

// TestUpdatesAllocateNothing is about the path that programs take a million times.
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
