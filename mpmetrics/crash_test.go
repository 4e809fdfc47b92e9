package mpmetrics_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestKilledWriters kills processes that take the same id one after the other, each while it works. After each death the
// files must be whole, and the page must have everything that was reported as done and at most the batch in progress besides.
func TestKilledWriters(t *testing.T) {
	processes := proctest.Rounds(12, 48) // fewer processes with more series each would mostly test the reader
	for i := range proctest.Rounds(2, 5) {
		t.Run(fmt.Sprint("directory", i), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			before := crashPage{fresh: map[string]float64{}}
			for process := range processes {
				c := startCrashChild(t, dir, process)
				for range rand.N(40) {
					c.count(t, c.Line())
				}
				c.killWithin(t, 300*time.Microsecond)
				before = c.check(t, before)
			}
		})
	}
}

// TestKilledMakingFiles kills processes in an empty directory while they make their first files. A successor must be able to
// continue them.
func TestKilledMakingFiles(t *testing.T) {
	t.Parallel()
	c := startCrashChild(t, t.TempDir(), 0)
	start := time.Now()
	c.count(t, c.Line())
	span := time.Since(start)
	c.killWithin(t, span)

	kills, early := proctest.Rounds(15, 60), 0
	for range kills {
		dir := t.TempDir()
		c := startCrashChild(t, dir, 0)
		c.killWithin(t, span)
		if c.done == 0 {
			early++
		}
		before := c.check(t, crashPage{fresh: map[string]float64{}})

		successor := &crashWriter{dir: dir, process: 1}
		w, err := makeCrashMetrics(dir)
		check(t, err)
		w.batch(successor.process, 0)
		successor.done = 1
		check(t, w.writer.Close())
		successor.check(t, before)
	}
	t.Logf("%d of %d were killed before their first batch was done, within %v", early, kills, span)
}

// crashWriter is a process that works in batches, and reports each that is done, until it is killed.
type crashWriter struct {
	*proctest.Child
	dir     string
	process int // number of holders of the id before
	done    int // batches reported
}

// startCrashChild returns when the child is about to open the directory.
func startCrashChild(t *testing.T, dir string, process int) *crashWriter {
	t.Helper()
	c := &crashWriter{Child: proctest.Start(t, "crash", dir, strconv.Itoa(process)), dir: dir, process: process}
	if line := c.Line(); line != "starting" {
		t.Fatalf("report %q, want starting", line)
	}
	return c
}

func (c *crashWriter) count(t *testing.T, line string) {
	t.Helper()
	if line != fmt.Sprintf("batch %d done", c.done) {
		t.Fatalf("report %q, want batch %d", line, c.done)
	}
	c.done++
}

// killWithin kills at a random moment from now on, which is why it waits for no event.
func (c *crashWriter) killWithin(t *testing.T, span time.Duration) {
	t.Helper()
	<-time.After(rand.N(span))
	for _, line := range c.Kill() {
		c.count(t, line)
	}
}

// crashBatch has the amounts that one batch adds to each sample.
var crashBatch = map[string]float64{
	`crash_plain_total{}`:             100,
	`crash_coded_total{code="a"}`:     5,
	`crash_coded_total{code="b"}`:     10,
	`crash_seconds_bucket{le="1"}`:    10,
	`crash_seconds_bucket{le="2"}`:    20,
	`crash_seconds_bucket{le="+Inf"}`: 30,
	`crash_seconds_sum{}`:             60,
	`crash_seconds_count{}`:           30,
	`crash_size_bytes_sum{}`:          20,
	`crash_size_bytes_count{}`:        10,
	`crash_batches{}`:                 1,
	`crash_batches_all{pid="w1"}`:     1,
	`crash_batches_mostrecent{}`:      1,
	`crash_batches_livesum{}`:         0, // all processes are dead
}

// crashPage is the page of a directory.
type crashPage struct {
	samples map[string]float64
	fresh   map[string]float64 // the values of crash_fresh_total by its label
}

// check compares the page with the one before the process and the batches reported since.
func (c *crashWriter) check(t *testing.T, before crashPage) crashPage {
	t.Helper()
	after := c.read(t)
	for sample, amount := range crashBatch {
		grown := after.samples[sample] - before.samples[sample]
		if least := amount * float64(c.done); grown < least || grown > least+amount {
			t.Errorf("process %d reported %d batches: %s grew by %v, want %v to %v",
				c.process, c.done, sample, grown, least, least+amount)
		}
	}
	want := maps.Clone(before.fresh)
	for batch := range c.done {
		want[freshLabel(c.process, batch)] = 3
	}
	last := freshLabel(c.process, c.done) // in progress
	if v, ok := after.fresh[last]; ok && (v == 0 || v == 3) {
		want[last] = v
	}
	for label, v := range want {
		if got, ok := after.fresh[label]; !ok || got != v {
			t.Errorf("process %d: fresh series %.10s is %v on the page (%v), want %v", c.process, label, got, ok, v)
		}
	}
	for label := range after.fresh {
		if _, ok := want[label]; !ok {
			t.Errorf("process %d: fresh series %.10s is on the page, but was never made", c.process, label)
		}
	}
	if t.Failed() {
		t.FailNow() // the following processes would fail likewise
	}
	return after
}

func (c *crashWriter) read(t *testing.T) crashPage {
	t.Helper()
	checkFiles(t, c.dir)
	collector := mpmetrics.NewCollector(c.dir, mpmetrics.CollectorOptions{})
	defer collector.Close()
	families, err := collector.Gather()
	check(t, err)
	p := page{Samples: map[string]float64{}}
	fresh := map[string]float64{}
	for _, f := range families {
		switch f.GetName() {
		case "multiproc_metric_files_faulty":
			t.Fatalf("process %d left faulty files: %v", c.process, f)
		case "crash_fresh_total":
			for _, m := range f.GetMetric() {
				fresh[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		default:
			for _, m := range f.GetMetric() {
				p.add(f.GetName(), f.GetType(), m)
			}
		}
	}
	return crashPage{p.Samples, fresh}
}

// checkFiles is stricter than a reader, which gives an incomplete file some time, and than a writer, which sets a damaged file
// aside.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.db")
	check(t, err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		check(t, err)
		if len(b) < 1<<16 || len(b)&(len(b)-1) != 0 {
			t.Errorf("%s has %d bytes, want 64 KiB or a doubling of it", file, len(b))
			continue
		}
		if used := binary.LittleEndian.Uint32(b); used < 8 || int(used) > len(b) || used%8 != 0 {
			t.Errorf("%s has %d bytes, of which %d in use", file, len(b), used)
		}
	}
	if damaged, err := filepath.Glob(dir + "/.mpm/*.damaged"); err != nil || len(damaged) > 0 {
		t.Errorf("damaged files set aside: %s, %v", damaged, err)
	}
}

func crashChild(args []string) error {
	dir := args[0]
	process, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	fmt.Println("starting")
	m, err := makeCrashMetrics(dir)
	if err != nil {
		return err
	}
	for batch := range 10_000 {
		m.batch(process, batch)
		if _, err := fmt.Printf("batch %d done\n", batch); err != nil {
			return err
		}
	}
	return nil
}

type crashMetrics struct {
	writer         *mpmetrics.Writer
	plain          prometheus.Counter
	coded, fresh   *prometheus.CounterVec
	seconds, bytes prometheus.Observer
	batches        []prometheus.Gauge
}

func makeCrashMetrics(dir string) (*crashMetrics, error) {
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{MaxSeries: 1e6})
	if err != nil {
		return nil, err
	}
	m := &crashMetrics{
		writer:  w,
		plain:   mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "crash_plain_total", Help: "Help."})),
		coded:   mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "crash_coded_total", Help: "Help."}, []string{"code"})),
		fresh:   mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "crash_fresh_total", Help: "Help."}, []string{"batch"})),
		seconds: mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "crash_seconds", Help: "Help.", Buckets: []float64{1, 2}})),
		bytes:   mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "crash_size_bytes", Help: "Help."})),
	}
	for name, mode := range map[string]mpmetrics.Mode{
		"crash_batches":            mpmetrics.ModeMax,
		"crash_batches_all":        mpmetrics.ModeAll,
		"crash_batches_mostrecent": mpmetrics.ModeMostRecent,
		"crash_batches_livesum":    mpmetrics.ModeLiveSum,
	} {
		m.batches = append(m.batches, mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: name}, mode)))
	}
	return m, nil
}

// batch adds the amounts of crashBatch. The lengths of its entries vary, so that they end anywhere in a page.
func (m *crashMetrics) batch(process, batch int) {
	for range 100 {
		m.plain.Inc()
	}
	for range 10 {
		m.coded.WithLabelValues("a").Add(0.5)
		m.coded.WithLabelValues("b").Add(1)
		m.seconds.Observe(1)
		m.seconds.Observe(2)
		m.seconds.Observe(3)
		m.bytes.Observe(2)
	}
	for _, g := range m.batches {
		g.Add(1)
	}
	m.fresh.WithLabelValues(freshLabel(process, batch)).Add(3)
}

func freshLabel(process, batch int) string {
	return fmt.Sprintf("%d-%d-%s", process, batch, strings.Repeat("x", batch*397%2000))
}
