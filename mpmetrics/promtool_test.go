package mpmetrics_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestPromtool: Prometheus' own linter has nothing to say about the page, its own families included.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		proctest.Missing(t, "no promtool in PATH")
	}
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"code"})).
		WithLabelValues("a\n\"b\"\\ü").Inc()
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "duration_seconds", Help: "Durations."})).Observe(1)
	mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Help: "Sizes."})).Observe(1)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "busy", Help: "Who is busy."}, mpmetrics.ModeAll)).Set(1)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "temperature_celsius", Help: "Warmth."}, mpmetrics.ModeMostRecent)).Set(1e9)
	check(t, os.WriteFile(dir+"/other.db", []byte("not a metric file"), 0o600))
	text := scrape(t, dir)
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s\nof the page:\n%s", err, out, text)
	}
}
