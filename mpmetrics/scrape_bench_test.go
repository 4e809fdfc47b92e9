package mpmetrics

import (
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics/internal/format"
)

// BenchmarkScrape makes the page of three directories: of a small server, of a large one, and of a Python server that has had
// many processes, whose files stay. If MULTIPROC_TEST_PROMETHEUS_CLIENT has the path of prometheus_client, its scrape is timed
// too.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []struct{ processes, counters, histograms int }{{4, 1000, 100}, {64, 1000, 100}, {6802, 98, 0}} {
		dir := b.TempDir()
		makeDirectory(b, dir, size.processes, size.counters, size.histograms)
		name := fmt.Sprintf("%dx%d", size.processes, size.counters+16*size.histograms)
		b.Run(name+"/first", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c := NewCollector(dir, CollectorOptions{})
				check(b, c.Write(io.Discard, expfmt.FmtText))
				b.StopTimer()
				c.Close()
				b.StartTimer()
			}
		})
		b.Run(name+"/repeated", func(b *testing.B) {
			c := NewCollector(dir, CollectorOptions{})
			defer c.Close()
			var page []byte
			scrape := func() {
				var err error
				if page, _, err = c.appendPage(page[:0], expfmt.FmtText, nil); err != nil {
					b.Fatal(err)
				}
			}
			scrape()
			b.ReportAllocs()
			for b.Loop() {
				scrape()
			}
		})
		b.Run(name+"/prometheus_client", func(b *testing.B) {
			b.ReportMetric(float64(scrapeInPython(b, dir)), "ns/op")
		})
	}
}

// scrapeInPython returns the median time of five scrapes by prometheus_client.
func scrapeInPython(b *testing.B, dir string) time.Duration {
	b.Helper()
	path := os.Getenv("MULTIPROC_TEST_PROMETHEUS_CLIENT")
	if path == "" {
		b.Skip("MULTIPROC_TEST_PROMETHEUS_CLIENT is not set")
	}
	python := exec.CommandContext(b.Context(), "python3", "-c", `
import time
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
times = []
for _ in range(5):
    start = time.perf_counter()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    generate_latest(registry)
    times.append(time.perf_counter() - start)
print(f"{sorted(times)[2]}s")`)
	python.Env = append(os.Environ(), "PYTHONPATH="+path, "PROMETHEUS_MULTIPROC_DIR="+dir)
	out, err := python.Output()
	check(b, err)
	took, err := time.ParseDuration(strings.TrimSpace(string(out)))
	check(b, err)
	return took
}

// makeDirectory makes a directory in which every process has counters, and histograms of 15 buckets.
func makeDirectory(tb testing.TB, dir string, processes, counters, histograms int) {
	tb.Helper()
	const help = "Total number of requests handled, by path and method."
	var counterKeys, histogramKeys []string
	for i := range counters {
		labels := []format.Label{{Name: "method", Value: "GET"}, {Name: "path", Value: fmt.Sprintf("/api/v1/resource/%d", i)}, {Name: "status", Value: "200"}}
		counterKeys = append(counterKeys, format.Key{Family: "app_requests", Sample: "app_requests_total", Labels: labels, Help: help}.Encode())
	}
	bounds := []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10, math.Inf(1)}
	for i := range histograms {
		path := format.Label{Name: "path", Value: fmt.Sprintf("/api/v1/resource/%d", i)}
		histogramKeys = append(histogramKeys, format.Key{Family: "app_latency_seconds", Sample: "app_latency_seconds_sum", Labels: []format.Label{path}, Help: help}.Encode())
		for _, bound := range bounds {
			labels := []format.Label{{Name: "le", Value: string(appendFloat(nil, bound))}, path}
			histogramKeys = append(histogramKeys, format.Key{Family: "app_latency_seconds", Sample: "app_latency_seconds_bucket", Labels: labels, Help: help}.Encode())
		}
	}
	for p := range processes {
		writeFile(tb, filepath.Join(dir, fmt.Sprintf("counter_%d.db", 1000+p)), counterKeys, func(i int) float64 { return float64(i + p) })
		if histograms > 0 {
			writeFile(tb, filepath.Join(dir, fmt.Sprintf("histogram_%d.db", 1000+p)), histogramKeys, func(int) float64 { return 3 })
		}
	}
}

// writeFile writes a metric file as a process leaves it, with room after its entries.
func writeFile(tb testing.TB, path string, keys []string, value func(i int) float64) {
	tb.Helper()
	content := format.AppendHeader(nil)
	var values []int
	for _, k := range keys {
		content = format.AppendEntry(content, k)
		values = append(values, len(content)-int(format.Layout16))
	}
	m := format.Image(content)
	for i, at := range values {
		m.Cell(at).SetValue(value(i))
	}
	m.Publish(len(content))
	size := int64(format.InitialSize)
	for size < int64(len(content)) {
		size *= 2
	}
	check(tb, os.WriteFile(path, content, 0o600))
	check(tb, os.Truncate(path, size))
}
