package mpmetrics_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// updates returns the operations to compare, each on a mapped file and in client_golang's memory. It adds 1.5, since
// client_golang adds integers without a loop.
func updates(b *testing.B) map[string]map[string]func() {
	b.Helper()
	w, err := mpmetrics.NewWriter(b.TempDir(), "w1", mpmetrics.WriterOptions{})
	check(b, err)
	b.Cleanup(func() { _ = w.Close() })
	counterOpts := prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}
	vecOpts := prometheus.CounterOpts{Name: "responses_total", Help: "Responses."}
	histogramOpts := prometheus.HistogramOpts{Name: "duration_seconds", Help: "Durations."}
	labels := []string{"method", "code"}
	ours, theirs := mpmetrics.Must(w.NewCounter(counterOpts)), prometheus.NewCounter(counterOpts)
	oursVec, theirsVec := mpmetrics.Must(w.NewCounterVec(vecOpts, labels)), prometheus.NewCounterVec(vecOpts, labels)
	oursH, theirsH := mpmetrics.Must(w.NewHistogram(histogramOpts)), prometheus.NewHistogram(histogramOpts)
	return map[string]map[string]func(){
		"CounterInc":       {"mpmetrics": ours.Inc, "client_golang": theirs.Inc},
		"CounterAdd":       {"mpmetrics": func() { ours.Add(1.5) }, "client_golang": func() { theirs.Add(1.5) }},
		"HistogramObserve": {"mpmetrics": func() { oursH.Observe(0.042) }, "client_golang": func() { theirsH.Observe(0.042) }},
		"CounterVecWith": {
			"mpmetrics":     func() { oursVec.WithLabelValues("GET", "200").Inc() },
			"client_golang": func() { theirsVec.WithLabelValues("GET", "200").Inc() },
		},
	}
}

func BenchmarkUpdate(b *testing.B) {
	for op, impls := range updates(b) {
		for impl, update := range impls {
			b.Run(op+"/"+impl, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					update()
				}
			})
		}
	}
}

// BenchmarkUpdateParallel updates one series from all processors.
func BenchmarkUpdateParallel(b *testing.B) {
	for op, impls := range updates(b) {
		for impl, update := range impls {
			b.Run(op+"/"+impl, func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						update()
					}
				})
			})
		}
	}
}
