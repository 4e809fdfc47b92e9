package main

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

func TestWorkloads(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w1", "w2"} {
		w := metricsWriter(t, dir, id)
		requests := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Help."}, []string{"code", "route"}))
		requests.WithLabelValues("200", "/").Add(7)
		requests.WithLabelValues("500", "/").Add(2)
		requests.WithLabelValues("404", "5").Inc()
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(3)
		took := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Help.", Buckets: []float64{1, 2},
		}, []string{"route"}))
		for _, route := range []string{"/", "/x"} {
			took.WithLabelValues(route).Observe(.5)
			took.WithLabelValues(route).Observe(1.5)
		}
		for i, name := range []string{"http_response_bytes_total", "http_handler_panics_total", "http_harakiri_total", "other_total"} {
			mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: name, Help: "Help."})).Add(float64(i + 1))
		}
	}
	metricsWriter(t, dir, "master")

	i := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer i.Close()
	want := workload{
		known: true, requests: 10, errors: 2, inFlight: 3, seconds: 4, bytes: 1, panics: 2, harakiris: 3,
		buckets: map[float64]float64{1: 2, 2: 2, math.Inf(1): 0},
	}
	loads := &workloads{}
	for range 2 {
		in, err := i.Look()
		if err != nil {
			t.Fatal(err)
		}
		got := loads.of(in.Files)
		diff := cmp.Diff(map[string]workload{"w1": want, "w2": want, "master": {}}, got, cmp.AllowUnexported(workload{}))
		if diff != "" {
			t.Errorf("workloads (-want +got):\n%s", diff)
		}
	}
}

func TestWorkloadSince(t *testing.T) {
	before := workload{known: true, requests: 10, errors: 1, inFlight: 5, seconds: 2, bytes: 7, buckets: map[float64]float64{1: 4}}
	after := workload{known: true, requests: 15, errors: 0, inFlight: 2, seconds: 3, bytes: 7, buckets: map[float64]float64{1: 6, 2: 3}}
	want := workload{known: true, requests: 5, errors: 0, inFlight: 2, seconds: 1, buckets: map[float64]float64{1: 2, 2: 3}}
	if diff := cmp.Diff(want, after.since(before), cmp.AllowUnexported(workload{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wiped := workload{requests: 3}
	if got := wiped.since(before).requests; got != 3 {
		t.Errorf("%v requests after the directory was wiped", got)
	}
}

func TestWorkloadQuantile(t *testing.T) {
	inf := math.Inf(1)
	f := func(buckets map[float64]float64, q, want float64) {
		t.Helper()
		got := workload{buckets: buckets}.quantile(q)
		if math.Abs(got-want) > 1e-12 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("%v of %v: %v, want %v", q, buckets, got, want)
		}
	}
	f(nil, .5, math.NaN())
	f(map[float64]float64{1: 0, inf: 0}, .5, math.NaN())
	f(map[float64]float64{1: math.NaN(), inf: 0}, .5, math.NaN())
	f(map[float64]float64{1: 10}, .5, .5)
	f(map[float64]float64{1: 10, 2: 10, inf: 0}, .5, 1)
	f(map[float64]float64{1: 10, 2: 10, inf: 0}, .75, 1.5)
	f(map[float64]float64{1: 0, 2: 10, inf: 0}, .5, 1.5)
	f(map[float64]float64{1: 1, 2: 0, inf: 9}, .5, 2)
	f(map[float64]float64{1: 10, 2: 0, inf: 0}, 1, 1)
}
