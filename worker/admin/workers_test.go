package admin_test

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestWorkers shows processes, their metrics and the values in their files.
func TestWorkers(t *testing.T) {
	s := startData(t)
	worker := s.writer("w2", mpmetrics.WriterOptions{Slot: 2, Generation: 3})
	requests, err := worker.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "x"}, []string{"route", "code"})
	check(t, err)
	requests.WithLabelValues("/", "200").Add(1200)
	requests.WithLabelValues("/", "503").Add(34)
	inFlight, err := worker.NewGauge(prometheus.GaugeOpts{Name: "http_requests_in_flight", Help: "x"}, mpmetrics.ModeLiveSum)
	check(t, err)
	inFlight.Set(5)
	const series = 250
	many, err := worker.NewHistogramVec(prometheus.HistogramOpts{Name: "many", Help: "x", Buckets: []float64{1}}, []string{"name"})
	check(t, err)
	for i := range series {
		many.WithLabelValues(fmt.Sprintf("<script>%d", i)).Observe(0.5)
	}
	memory, err := s.writer("master", mpmetrics.WriterOptions{}).NewGaugeVec(
		prometheus.GaugeOpts{Name: "multiproc_worker_resident_memory_bytes", Help: "x"}, mpmetrics.ModeLiveSum, []string{"slot"})
	check(t, err)
	memory.WithLabelValues("2").Set(20 << 20)

	page := s.want(http.StatusOK, "/admin/workers")
	if heads := page.texts(t, "h2"); !slices.Equal(heads, []string{"master alive", "w2 alive"}) {
		t.Errorf("the workers are %q", heads)
	}
	values := page.texts(t, "dd")
	for _, want := range []string{"1,234", "34", "5", "20.0 MiB", "3", strconv.Itoa(os.Getpid())} {
		if !slices.Contains(values, want) {
			t.Errorf("%q has no %s", values, want)
		}
	}
	seconds := regexp.MustCompile(`^\d+ s$`)
	if ages := slices.DeleteFunc(values, func(v string) bool { return !seconds.MatchString(v) }); len(ages) != 2 {
		t.Errorf("the ages of two are %q", ages)
	}
	page = s.want(http.StatusOK, page.link(t, "histogram_w2.db"))
	total := 0
	for pages := 1; ; pages++ {
		rows := len(page.elements(t, "tr")) - 1
		if total += rows; rows > 100 || strings.Contains(page.body, "<script>0") {
			t.Fatalf("%d rows, or a script", rows)
		}
		next := page.link(t, "Next →")
		if next == "" {
			break
		}
		page = s.want(http.StatusOK, next)
	}
	if total != 3*series { // buckets 1 and +Inf, and the sum
		t.Errorf("%d values, want %d", total, 3*series)
	}
	page = s.want(http.StatusOK, "/admin/workers/files/histogram_w2.db?q=script%3E77%22")
	if rows := len(page.elements(t, "tr")) - 1; rows != 3 {
		t.Errorf("the search finds %d values, want 3", rows)
	}
}
