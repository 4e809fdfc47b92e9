package mpmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"multiproc/mpmetrics"
)

// both is a registry of client_golang and a Writer, to which a test applies the same operations.
type both struct {
	t        *testing.T
	registry *prometheus.Registry
	writer   *mpmetrics.Writer
	dir      string
}

func newBoth(t *testing.T) *both {
	t.Helper()
	dir := t.TempDir()
	return &both{t, prometheus.NewRegistry(), newWriter(t, dir, "w1"), dir}
}

// register makes and registers a metric of client_golang. It returns the value of the constructor's panic or the error of the
// registry.
func (b *both) register(o metricOpts) (err error) {
	defer func() {
		if failure := recover(); failure != nil {
			err = fmt.Errorf("panic: %v", failure)
		}
	}()
	opts, histogram, summary := o.clientOpts()
	var vec interface {
		prometheus.Collector
		GetMetricWithLabelValues(lvs ...string) (prometheus.Metric, error)
	}
	switch o.typ {
	case "counter":
		vec = prometheus.NewCounterVec(prometheus.CounterOpts(opts), o.labels).MetricVec
	case "gauge":
		vec = prometheus.NewGaugeVec(prometheus.GaugeOpts(opts), o.labels).MetricVec
	case "histogram":
		vec = prometheus.NewHistogramVec(histogram, o.labels).MetricVec
	default:
		vec = prometheus.NewSummaryVec(summary, o.labels).MetricVec
	}
	if _, err := vec.GetMetricWithLabelValues(slices.Repeat([]string{"v"}, len(o.labels))...); err != nil {
		return err
	}
	return b.registry.Register(vec)
}

// pages returns the samples on the page of each.
func (b *both) pages() (theirs, ours map[string]float64) {
	b.t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(b.t.Context(), "GET", "/", nil))
	theirs, ours = parsePage(b.t, w.Body.Bytes()).Samples, pageOfDir(b.t, b.dir).Samples
	delete(ours, unshared)
	return theirs, ours
}

func (b *both) check(library string, want, got map[string]float64) {
	b.t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Errorf("%s (-want +got):\n%s", library, diff)
	}
}

// TestDifferences checks the differences from client_golang that the package comment lists, in its order, on both libraries.
func TestDifferences(t *testing.T) {
	for _, test := range []struct {
		name    string
		refused bool // by client_golang, too
		opts    metricOpts
	}{
		{"a name that is not UTF-8", true, metricOpts{typ: "gauge", name: "\xff"}},
		{"bounds that do not increase", true, metricOpts{typ: "histogram", name: "h", buckets: []float64{1, 1}}},
		{"a counter without _total", false, metricOpts{typ: "counter", name: "c"}},
		{"pid of a gauge", false, metricOpts{typ: "gauge", name: "g", labels: []string{"pid"}}},
		{"le of a histogram", true, metricOpts{typ: "histogram", name: "h", labels: []string{"le"}}},
		{"quantile of a summary", true, metricOpts{typ: "summary", name: "s", labels: []string{"quantile"}}},
		{"a name twice", true, metricOpts{typ: "counter", name: "first_total"}},
		{"the name of a counter's family", false, metricOpts{typ: "gauge", name: "first"}},
		{"the name of a histogram's buckets", false, metricOpts{typ: "gauge", name: "second_bucket"}},
		{"the name of a histogram's count", false, metricOpts{typ: "gauge", name: "second_count"}},
		{"the name of a summary's sum", false, metricOpts{typ: "gauge", name: "third_sum"}},
		{"a native histogram", false, metricOpts{typ: "histogram", name: "h", native: 1.1}},
		{"quantiles", false, metricOpts{typ: "summary", name: "s", objectives: map[float64]float64{0.5: 0.1}}},
		{"a unit", false, metricOpts{typ: "gauge", name: "g_bytes", unit: "bytes"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBoth(t)
			for _, o := range []metricOpts{
				{typ: "counter", name: "first_total"}, {typ: "histogram", name: "second"}, {typ: "summary", name: "third"},
			} {
				check(t, errors.Join(b.register(o), o.make(b.writer)))
			}
			if err := b.register(test.opts); (err != nil) != test.refused {
				t.Errorf("client_golang: %v", err)
			}
			if err := test.opts.make(b.writer); err == nil {
				t.Error("mpmetrics: no error")
			}
		})
	}
	t.Run("2^53", func(t *testing.T) {
		b := newBoth(t)
		opts := prometheus.CounterOpts{Name: "c_total", Help: "Help."}
		theirs, ours := prometheus.NewCounter(opts), mpmetrics.Must(b.writer.NewCounter(opts))
		for _, c := range []prometheus.Counter{theirs, ours} {
			c.Add(1<<53 - 1)
			for range 3 {
				c.Inc()
			}
		}
		const limit = 1 << 53
		if got := ownMetric(t, theirs).GetCounter().GetValue(); got != limit+2 {
			t.Errorf("client_golang: %f", got)
		}
		if got := ownMetric(t, ours).GetCounter().GetValue(); got != limit {
			t.Errorf("mpmetrics: %f", got)
		}
	})
	t.Run("a gauge that was not set", func(t *testing.T) {
		b := newBoth(t)
		b.registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}))
		mpmetrics.Must(b.writer.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMax))
		theirs, ours := b.pages()
		b.check("client_golang", map[string]float64{"g{}": 0}, theirs)
		b.check("mpmetrics", map[string]float64{}, ours)
	})
	t.Run("removal", func(t *testing.T) {
		b := newBoth(t)
		opts := prometheus.CounterOpts{Name: "c_total", Help: "Help."}
		theirs, ours := prometheus.NewCounterVec(opts, []string{"l"}), mpmetrics.Must(b.writer.NewCounterVec(opts, []string{"l"}))
		b.registry.MustRegister(theirs)
		for _, v := range []*prometheus.CounterVec{theirs, ours} {
			v.WithLabelValues("a").Add(5)
			v.WithLabelValues("b").Add(5)
			v.Reset()
			v.WithLabelValues("a").Inc()
		}
		theirPage, ourPage := b.pages()
		b.check("client_golang", map[string]float64{`c_total{l="a"}`: 1}, theirPage)
		b.check("mpmetrics", map[string]float64{`c_total{l="a"}`: 6, `c_total{l="b"}`: 5}, ourPage)
	})
	t.Run("exemplars", func(t *testing.T) {
		b := newBoth(t)
		adder := func(c prometheus.Counter) bool { _, ok := c.(prometheus.ExemplarAdder); return ok }
		if !adder(prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."})) ||
			adder(mpmetrics.Must(b.writer.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))) {
			t.Error("counters")
		}
		observer := func(o prometheus.Observer) bool { _, ok := o.(prometheus.ExemplarObserver); return ok }
		if !observer(prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."})) ||
			observer(mpmetrics.Must(b.writer.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."}))) {
			t.Error("histograms")
		}
	})
	t.Run("exemplars by promhttp", func(t *testing.T) {
		b := newBoth(t)
		opts, labels := prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"code"}
		exemplar := promhttp.WithExemplarFromContext(func(context.Context) prometheus.Labels { return prometheus.Labels{"trace_id": "1"} })
		for i, v := range []*prometheus.CounterVec{prometheus.NewCounterVec(opts, labels), mpmetrics.Must(b.writer.NewCounterVec(opts, labels))} {
			promhttp.InstrumentHandlerCounter(v, http.NotFoundHandler(), exemplar).
				ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
			c := ownMetric(t, v.WithLabelValues("404")).GetCounter()
			if theirs := i == 0; c.GetValue() != 1 || (c.GetExemplar() != nil) != theirs {
				t.Errorf("client_golang %v: %v", theirs, c)
			}
		}
	})
	t.Run("processes", func(t *testing.T) {
		b := newBoth(t)
		opts := prometheus.CounterOpts{Name: "c_total", Help: "Help."}
		for _, c := range []prometheus.Counter{
			mpmetrics.Must(b.writer.NewCounter(opts)), mpmetrics.Must(newWriter(t, b.dir, "w2").NewCounter(opts)), prometheus.NewCounter(opts),
		} {
			c.Inc()
			if got := ownMetric(t, c).GetCounter().GetValue(); got != 1 {
				t.Errorf("its own value is %v", got)
			}
		}
		_, ours := b.pages()
		b.check("the page", map[string]float64{"c_total{}": 2}, ours)
		check(t, b.writer.Close())
		successor := mpmetrics.Must(newWriter(t, b.dir, "w1").NewCounter(opts))
		if ours, theirs := ownMetric(t, successor).GetCounter().GetValue(), ownMetric(t, prometheus.NewCounter(opts)).GetCounter().GetValue(); ours != 1 || theirs != 0 {
			t.Errorf("a successor begins at %v, in client_golang at %v", ours, theirs)
		}
	})
	t.Run("created timestamps", func(t *testing.T) {
		b := newBoth(t)
		for name, pair := range map[string][2]prometheus.Metric{
			"counter": {
				prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}),
				mpmetrics.Must(b.writer.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."})),
			},
			"histogram": {
				prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."}),
				mpmetrics.Must(b.writer.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help."})),
			},
			"summary": {
				prometheus.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."}), mpmetrics.Must(b.writer.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."})),
			},
		} {
			created := func(m *dto.Metric) bool {
				return m.GetCounter().GetCreatedTimestamp() != nil || m.GetHistogram().GetCreatedTimestamp() != nil ||
					m.GetSummary().GetCreatedTimestamp() != nil
			}
			if !created(ownMetric(t, pair[0])) || created(ownMetric(t, pair[1])) {
				t.Error(name)
			}
		}
	})
	t.Run("numbers", func(t *testing.T) {
		b := newBoth(t)
		opts := prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{5}}
		theirs := prometheus.NewHistogram(opts)
		b.registry.MustRegister(theirs)
		for _, h := range []prometheus.Histogram{theirs, mpmetrics.Must(b.writer.NewHistogram(opts))} {
			h.Observe(5)
		}
		w := httptest.NewRecorder()
		promhttp.HandlerFor(b.registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
		if page := w.Body.String(); !strings.Contains(page, "h_bucket{le=\"5\"} 1\n") {
			t.Errorf("client_golang:\n%s", page)
		}
		if page := string(scrape(t, b.dir)); !strings.Contains(page, "h_bucket{le=\"5.0\"} 1.0\n") {
			t.Errorf("mpmetrics:\n%s", page)
		}
	})
}
