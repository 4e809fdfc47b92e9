package requests_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

func TestReader(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w1", "w2"} {
		w := newWriter(t, dir, id)
		answered := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: requests.Total, Help: "Help."}, []string{"code", "route"}))
		answered.WithLabelValues("200", "/").Add(7)
		answered.WithLabelValues("500", "/").Add(2)
		answered.WithLabelValues("404", "5").Inc()
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: requests.InFlight, Help: "Help."}, mpmetrics.ModeLiveSum)).Set(3)
		took := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{
			Name: requests.Duration, Help: "Help.", Buckets: []float64{1, 2},
		}, []string{"route"}))
		for _, route := range []string{"/", "/x"} {
			took.WithLabelValues(route).Observe(.5)
			took.WithLabelValues(route).Observe(1.5)
		}
		for i, name := range []string{requests.Bytes, requests.Panics, requests.Harakiri, "other_total"} {
			mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: name, Help: "Help."})).Add(float64(i + 1))
		}
	}
	newWriter(t, dir, "master")

	i := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer i.Close()
	want := requests.Totals{
		Known: true, Requests: 10, Errors: 2, InFlight: 3, Seconds: 4, Bytes: 1, Panics: 2, Harakiris: 3,
		Buckets: map[float64]float64{1: 2, 2: 2, math.Inf(1): 0},
	}
	var r requests.Reader
	for range 2 {
		in, err := i.Look()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]requests.Totals{"w1": want, "w2": want, "master": {}}, r.Read(in.Files)); diff != "" {
			t.Errorf("totals (-want +got):\n%s", diff)
		}
	}
}

func newWriter(t *testing.T, dir, id string) *mpmetrics.Writer {
	t.Helper()
	w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}
