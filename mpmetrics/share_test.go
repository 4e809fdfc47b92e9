package mpmetrics

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics/internal/format"
)

// newLogged makes a Writer whose log the test reads.
func newLogged(t *testing.T, dir string) (*Writer, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	w, err := NewWriter(dir, "w1", WriterOptions{Logger: slog.New(slog.NewTextHandler(log, nil))})
	check(t, err)
	t.Cleanup(func() {
		check(t, w.Close())
	})
	return w, log
}

// block prevents a metric file from being made until unblock is called.
func block(t *testing.T, dir, name string) (unblock func()) {
	t.Helper()
	path := filepath.Join(dir, ".mpm", name+".new")
	check(t, os.Mkdir(path, 0o700))
	return func() { check(t, os.Remove(path)) }
}

func wantLine(t *testing.T, dir, line string) {
	t.Helper()
	c := NewCollector(dir, CollectorOptions{})
	defer c.Close()
	var page bytes.Buffer
	check(t, c.Write(&page, expfmt.FmtText))
	if !strings.Contains("\n"+page.String(), "\n"+line+"\n") {
		t.Errorf("no line %q in:\n%s", line, &page)
	}
}

// TestRetryOfOneFileOnly: a file that stays unusable does not keep the metrics of another in memory.
func TestRetryOfOneFileOnly(t *testing.T) {
	dir := t.TempDir()
	w, _ := newLogged(t, dir)
	block(t, dir, "counter_w1.db")
	unblock := block(t, dir, "histogram_w1.db")
	counters := Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"i"}))
	for i := range 100 {
		counters.WithLabelValues(fmt.Sprint(i)).Inc()
	}
	Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1}})).Observe(1)
	wantLine(t, dir, "multiproc_metric_series_unshared 103.0")
	unblock()
	w.shareKept()
	wantLine(t, dir, "h_count 1.0")
	wantLine(t, dir, "multiproc_metric_series_unshared 100.0")
}

// TestGaugeContinuesFromMemory: amounts added in memory are added to the value that the id's last holder left.
func TestGaugeContinuesFromMemory(t *testing.T) {
	dir := t.TempDir()
	before, _ := newLogged(t, dir)
	opts := prometheus.GaugeOpts{Name: "g", Help: "Help."}
	Must(before.NewGauge(opts, ModeSum)).Set(5)
	check(t, before.Close())
	w, _ := newLogged(t, dir)
	unblock := block(t, dir, "gauge_sum_w1.db")
	g := Must(w.NewGauge(opts, ModeSum))
	g.Inc()
	unblock()
	w.shareKept()
	wantLine(t, dir, "g 6.0")
	g.Dec()
	wantLine(t, dir, "g 5.0")
}

// TestRemadeInMemory: a series that was deleted before it was shared is the same one if it is made again.
func TestRemadeInMemory(t *testing.T) {
	dir := t.TempDir()
	w, _ := newLogged(t, dir)
	gauges := Must(w.NewGaugeVec(prometheus.GaugeOpts{Name: "g", Help: "Help."}, ModeSum, []string{"l"}))
	counters := Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
	unblockGauges, unblockCounters := block(t, dir, "gauge_sum_w1.db"), block(t, dir, "counter_w1.db")
	for range 100 {
		first := gauges.WithLabelValues("x")
		gauges.Reset()
		second := gauges.WithLabelValues("x")
		first.Inc()
		second.Inc()
		counters.WithLabelValues("x").Inc()
		counters.Reset()
	}
	wantLine(t, dir, "multiproc_metric_series_unshared 2.0")
	unblockGauges()
	unblockCounters()
	w.shareKept()
	wantLine(t, dir, `g{l="x"} 200.0`)
	wantLine(t, dir, `c_total{l="x"} 100.0`)
	wantLine(t, dir, "multiproc_metric_series_unshared 0.0")
}

// TestWipeIsLogged: a process whose directory was wiped logs so when it makes a series, also in a file that it has open.
func TestWipeIsLogged(t *testing.T) {
	dir := t.TempDir()
	w, log := newLogged(t, dir)
	counters := Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"l"}))
	counters.WithLabelValues("before").Inc()
	block(t, dir, "histogram_w1.db")
	Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1}}))
	d, err := OpenDirectory(dir, nil)
	check(t, err)
	defer d.Close()
	check(t, d.Wipe())
	log.Reset()
	counters.WithLabelValues("after").Inc()
	if n := strings.Count(log.String(), "was wiped by another process"); n != 1 || w.nKept != 4 {
		t.Errorf("%d series kept, log:\n%s", w.nKept, log)
	}
	w.shareKept()
	if strings.Contains(log.String(), "are shared") {
		t.Errorf("log of a retry that could share nothing:\n%s", log)
	}
}

// TestDamagedFileStaysUntilReplaced: until a new file can be made, readers count what they can of the damaged one.
func TestDamagedFileStaysUntilReplaced(t *testing.T) {
	dir := t.TempDir()
	k := format.Key{Family: "c", Sample: "c_total", Help: "Help."}.Encode()
	path := filepath.Join(dir, "counter_w1.db")
	writeFile(t, path, []string{k, k}, func(int) float64 { return 5 })
	check(t, os.Truncate(path, int64(format.HeaderSize+len(format.AppendEntry(nil, k))+10)))
	w, log := newLogged(t, dir)
	unblock := block(t, dir, "counter_w1.db")
	c := Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
	c.Add(2)
	wantLine(t, dir, "c_total 5.0")
	unblock()
	w.shareKept()
	wantLine(t, dir, "c_total 2.0")
	if !strings.Contains(log.String(), "counter_w1.db") {
		t.Errorf("log:\n%s", log)
	}
}
