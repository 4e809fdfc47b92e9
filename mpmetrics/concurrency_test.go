package mpmetrics_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

const (
	concurrentProcesses  = 4
	concurrentGoroutines = 8
	concurrentSeries     = 20
	concurrentChunk      = 50 // rounds of each goroutine per line that its process is sent
)

// TestConcurrentProcesses has processes of several goroutines write the same series, which they first make, growing their
// files, while two scrapers read. To each scraper everything must only grow and add up, and in the end everything must have
// been counted. Work comes in chunks, so that neither side gets far ahead.
func TestConcurrentProcesses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shared := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer shared.Close()

	var children []*proctest.Child
	for i := range concurrentProcesses {
		children = append(children, proctest.Start(t, "concurrency", dir, fmt.Sprint("w", i+1)))
	}
	chunks := proctest.Rounds(8, 200)
	t.Run("scrapers", func(t *testing.T) {
		for i := range 2 {
			t.Run(strconv.Itoa(i), func(t *testing.T) {
				t.Parallel()
				own := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
				defer own.Close()
				var last page
				for n := range chunks {
					for _, c := range children {
						c.Send("work")
					}
					done := float64(n * concurrentProcesses * concurrentGoroutines * concurrentChunk)
					for range 100_000 {
						last = checkGrowth(t, last, parsePage(t, scrapeWith(t, shared)))
						last = checkGrowth(t, last, parsePage(t, scrapeWith(t, own)))
						if last.Samples["concurrent_plain_total{}"] >= done {
							break
						}
					}
				}
			})
		}
	})

	rounds := 0.0
	for _, c := range children {
		for _, line := range c.Stop() {
			n, err := strconv.ParseFloat(line, 64)
			check(t, err)
			rounds += n
		}
	}
	want := map[string]float64{
		`concurrent_plain_total{}`:             rounds,
		`concurrent_quarters_total{}`:          rounds / 4,
		`concurrent_seconds_bucket{le="0.5"}`:  rounds,
		`concurrent_seconds_bucket{le="2"}`:    rounds * 2,
		`concurrent_seconds_bucket{le="+Inf"}`: rounds * 3,
		`concurrent_seconds_count{}`:           rounds * 3,
		`concurrent_seconds_sum{}`:             rounds * 5.25,
		`concurrent_size_bytes_count{}`:        rounds * 2,
		`concurrent_size_bytes_sum{}`:          rounds * 1.25,
	}
	for i := range concurrentSeries {
		want[fmt.Sprintf(`concurrent_wide_total{series="%d"}`, i)] = rounds * concurrentAmount(i)
	}
	for name, got := range map[string]page{"shared": parsePage(t, scrapeWith(t, shared)), "new": pageOfDir(t, dir)} {
		if len(got.Samples) != len(want) {
			t.Errorf("%s Collector: %d samples, want %d", name, len(got.Samples), len(want))
		}
		for sample, v := range want {
			if got.Samples[sample] != v {
				t.Errorf("%s Collector: %s is %v, want %v", name, sample, got.Samples[sample], v)
			}
		}
	}
	t.Logf("%v rounds", rounds)
}

// checkGrowth checks that no sample of the earlier page is missing or smaller in the later one, and that the buckets of the
// later one add up to its count.
func checkGrowth(t *testing.T, earlier, later page) page {
	t.Helper()
	for sample, v := range earlier.Samples {
		if now, ok := later.Samples[sample]; strings.HasPrefix(sample, "concurrent_") && (!ok || now < v) {
			t.Fatalf("%s is %v (there: %v), but was %v", sample, now, ok, v)
		}
	}
	last := 0.0
	for _, sample := range []string{`bucket{le="0.5"}`, `bucket{le="2"}`, `bucket{le="+Inf"}`} {
		v := later.Samples["concurrent_seconds_"+sample]
		if v < last {
			t.Fatalf("%s is %v, fewer than the %v of the bucket before", sample, v, last)
		}
		last = v
	}
	if count := later.Samples["concurrent_seconds_count{}"]; count != last {
		t.Fatalf("the bucket +Inf is %v and the count %v", last, count)
	}
	if _, faulty := later.Families["multiproc_metric_files_faulty"]; faulty {
		t.Fatal("a scraper saw faulty files")
	}
	return later
}

// concurrentAmount returns numbers whose sums are exact in any order.
func concurrentAmount(i int) float64 { return []float64{1, 0.25}[i%2] }

// concurrencyChild does one chunk of work per line of its input. In the end it reports the rounds of all its goroutines.
func concurrencyChild(args []string) error {
	w, err := mpmetrics.NewWriter(args[0], args[1], mpmetrics.WriterOptions{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	plain := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "concurrent_plain_total", Help: "Help."}))
	quarters := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "concurrent_quarters_total", Help: "Help."}))
	wide := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
		Name: "concurrent_wide_total",
		Help: strings.Repeat("Help is in each key: with this much of it the file grows past its first 64 KiB. ", 50),
	}, []string{"series"}))
	seconds := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{
		Name: "concurrent_seconds", Help: "Help.", Buckets: []float64{0.5, 2},
	}))
	bytes := mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "concurrent_size_bytes", Help: "Help."}))

	rounds := 0
	work := func() {
		var series [concurrentSeries]prometheus.Counter
		for i := range series {
			series[i] = wide.WithLabelValues(strconv.Itoa(i))
		}
		for range concurrentChunk {
			plain.Inc()
			quarters.Add(0.25)
			for i, c := range series {
				c.Add(concurrentAmount(i))
			}
			for _, v := range []float64{0.25, 1, 4} {
				seconds.Observe(v)
			}
			bytes.Observe(0.25)
			bytes.Observe(1)
		}
	}
	for requests := bufio.NewScanner(os.Stdin); requests.Scan(); {
		var workers sync.WaitGroup
		for range concurrentGoroutines {
			workers.Go(work)
		}
		workers.Wait()
		rounds += concurrentGoroutines * concurrentChunk
	}
	fmt.Println(rounds)
	return w.Close()
}

// TestScrapeIsNotOlderThanItsCall has goroutines scrape concurrently, so that they share readings of the directory. None may get
// one that began before its own last increment.
func TestScrapeIsNotOlderThanItsCall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	t.Cleanup(c.Close)
	// Files are read in the order of their names, so the one with the increments is read long before the reading ends.
	w := newWriter(t, dir, "a")
	increments := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
		Name: "increments_total", Help: "Help.",
	}, []string{"goroutine"}))
	ballast, err := os.ReadFile("../testdata/conformance/h16/growth/counter_21.db")
	check(t, err)
	for i := range 30 {
		check(t, os.WriteFile(fmt.Sprintf("%s/counter_b%d.db", dir, i), ballast, 0o600))
	}
	for i := range 8 {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			own := increments.WithLabelValues(strconv.Itoa(i))
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?name[]=increments_total", nil)
			for n := range proctest.Rounds(50, 200) {
				own.Inc()
				response := httptest.NewRecorder()
				c.ServeHTTP(response, request)
				line := fmt.Sprintf("increments_total{goroutine=\"%d\"} %d.0\n", i, n+1)
				if body := response.Body.String(); !strings.Contains(body, line) {
					t.Fatalf("after %d increments the page is:\n%s", n+1, body)
				}
			}
		})
	}
}

// TestScrapesWhileFilesGrow has a scraper open files while they grow: the size that it finds may be the old one, and the used
// bytes the new ones.
func TestScrapesWhileFilesGrow(t *testing.T) {
	dir := t.TempDir()
	var over atomic.Bool
	t.Run("writer", func(t *testing.T) {
		t.Parallel()
		defer over.Store(true)
		for i := range proctest.Rounds(50, 500) {
			w := newWriter(t, dir, "w1")
			v := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
				Name: "growing_total", Help: strings.Repeat("Help is in each key. ", 1000),
			}, []string{"series"}))
			for series := range 8 { // of 20 KiB each
				v.WithLabelValues(strconv.Itoa(series)).Inc()
			}
			if err := errors.Join(w.Close(), os.Remove(dir+"/counter_w1.db")); err != nil {
				t.Fatalf("writer %d: %v", i, err)
			}
		}
	})
	t.Run("scraper", func(t *testing.T) {
		t.Parallel()
		for !over.Load() {
			c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
			families, err := c.Gather()
			c.Close()
			check(t, err)
			for _, f := range families {
				if f.GetName() == "multiproc_metric_files_faulty" {
					t.Fatalf("the scraper saw faulty files: %v", f.GetMetric())
				}
			}
		}
	})
}

// TestHistogramConsistent reads a histogram while others observe, as client_golang's own test does: in the process, and on the page as
// text and in protobuf. The count is that of the buckets, and no count falls. The sum never has an observation that the count lacks.
func TestHistogramConsistent(t *testing.T) {
	t.Parallel()
	for name, limit := range map[string]int{"in a file": 0, "in memory": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{MaxSeries: limit})
			h := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{0.5, 10, 20}}))
			c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
			t.Cleanup(c.Close)
			stop := make(chan struct{})
			var observers sync.WaitGroup
			var observed atomic.Int64
			for range 3 {
				observers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							h.Observe(1)
							observed.Add(1)
						}
					}
				})
			}
			before := map[string]uint64{}
			consistent := func(how string, h *dto.Histogram) {
				t.Helper()
				count, b := h.GetSampleCount(), h.GetBucket()
				if b[0].GetCumulativeCount() != 0 || b[1].GetCumulativeCount() != count || b[2].GetCumulativeCount() != count ||
					h.GetSampleSum() > float64(count) || count < before[how] {
					t.Errorf("%s: after a count of %d: %v", how, before[how], h)
				}
				before[how] = count
			}
			var text bytes.Buffer
			for range proctest.Rounds(200, 5000) {
				consistent("in the process", ownMetric(t, h).GetHistogram())
				if limit > 0 {
					continue // it is not on the page
				}
				families, err := c.Gather()
				check(t, err)
				consistent("in protobuf", families[0].GetMetric()[0].GetHistogram())
				text.Reset()
				check(t, c.Write(&text, expfmt.FmtText))
				parser := expfmt.NewTextParser(model.UTF8Validation)
				parsed, err := parser.TextToMetricFamilies(&text)
				check(t, err)
				consistent("in text", parsed["h"].GetMetric()[0].GetHistogram())
			}
			close(stop)
			observers.Wait()
			if got := ownMetric(t, h).GetHistogram(); got.GetSampleCount() != uint64(observed.Load()) || got.GetSampleSum() != float64(observed.Load()) {
				t.Errorf("%d observations: %v", observed.Load(), got)
			}
		})
	}
}

// TestHistogramEqualsClient has several goroutines observe the same values in a histogram of client_golang, as its own test does.
func TestHistogramEqualsClient(t *testing.T) {
	t.Parallel()
	opts := prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{-2, -1, -0.5, 0, 0.5, 1, 2, math.Inf(+1)}}
	theirs, ours := prometheus.NewHistogram(opts), mpmetrics.Must(newWriter(t, t.TempDir(), "w1").NewHistogram(opts))
	var observers sync.WaitGroup
	for range 5 {
		observers.Go(func() {
			for range 2000 {
				v := math.Round(rand.NormFloat64()*8) / 8 // sums are exact in any order
				theirs.Observe(v)
				ours.Observe(v)
			}
		})
	}
	observers.Wait()
	numbers := func(m prometheus.Metric) []float64 {
		h := ownMetric(t, m).GetHistogram()
		numbers := []float64{h.GetSampleSum(), float64(h.GetSampleCount())}
		for _, b := range h.GetBucket() {
			numbers = append(numbers, b.GetUpperBound(), float64(b.GetCumulativeCount()))
		}
		return numbers
	}
	if diff := cmp.Diff(numbers(theirs), numbers(ours)); diff != "" {
		t.Errorf("(-client_golang +mpmetrics):\n%s", diff)
	}
}
