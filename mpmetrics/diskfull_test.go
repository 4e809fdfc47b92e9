package mpmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

const (
	smallDisk  = 1 << 20
	unshared   = "multiproc_metric_series_unshared{}"
	keptLine   = "metrics kept in memory, not shared"
	sharedLine = "metrics shared again"
)

// diskFullSeries are many more than there is room for.
const diskFullSeries = 3000

// TestDiskFull has a child make metrics until the disk is full and long after. It is a child since what must not
// happen, a store into a mapping without room behind it, is the death of the process.
func TestDiskFull(t *testing.T) {
	t.Run("tmpfs", func(t *testing.T) { testDiskFull(t, mountSmallDisk(t)) })
	// The last page of a file may then get its first blocks but not the others, for which a store into it asks too.
	for blocks := range 4 {
		t.Run(fmt.Sprint("blocks smaller than a page, ", blocks, " left"), func(t *testing.T) {
			testDiskFull(t, mountSmallBlocks(t, blocks))
		})
	}
}

func testDiskFull(t *testing.T, disk string) {
	t.Helper()
	dir := filepath.Join(disk, "metrics")
	c := startChild(t, "diskfull", dir)
	if line := c.line(t); line != "full" {
		t.Fatalf("report %q, want full", line)
	}
	got := parsePage(t, scrape(t, dir))
	shown := 0
	for i := range diskFullSeries {
		v, ok := got.Samples[diskFullSample(i)]
		if ok && v != diskFullValue(i) {
			t.Errorf("series %d is %v on the page, want %v", i, v, diskFullValue(i))
		}
		if ok {
			shown++
		}
	}
	if shown < 1000 || shown > diskFullSeries-500 {
		t.Errorf("%d of %d series had room, want some, but not all", shown, diskFullSeries)
	}
	// The histogram, of four series, finds no room for a file of its own.
	kept := float64(diskFullSeries - shown + 4)
	if got.Samples[unshared] != kept {
		t.Errorf("%v series unshared on the page, want %v", got.Samples[unshared], kept)
	}
	if _, faulty := got.Families["multiproc_metric_files_faulty"]; faulty {
		t.Error("the full disk left faulty files")
	}
	c.stop(t, func(line string) { t.Errorf("report %q after all was done", line) })
	if n := strings.Count(c.stderr.String(), keptLine); n != 2 {
		t.Errorf("%d times in the log that metrics are kept in memory, want once for each file:\n%s", n, &c.stderr)
	}
}

func diskFullSample(i int) string { return fmt.Sprintf("diskfull_total{series=%q}", diskFullLabel(i)) }

func diskFullLabel(i int) string { return fmt.Sprintf("%d-%s", i, strings.Repeat("x", 500)) }

func diskFullValue(i int) float64 { return float64(i%7) + 2.5 }

// diskFullChild checks its own values itself and reports when there are as many as there should be.
func diskFullChild(args []string) error {
	w, err := mpmetrics.NewWriter(args[0], "w1", mpmetrics.WriterOptions{
		Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "diskfull_total", Help: "Help."}, []string{"series"}))
	all := make([]prometheus.Counter, diskFullSeries)
	for i := range all {
		all[i] = counters.WithLabelValues(diskFullLabel(i))
		all[i].Add(diskFullValue(i) - 1)
	}
	seconds := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{
		Name: "diskfull_seconds", Help: "Help.", Buckets: []float64{1, 2},
	}))
	for i, c := range all {
		c.Inc() // those in the file have their room still
		seconds.Observe(float64(i % 3))
		var m dto.Metric
		if err := c.Write(&m); err != nil {
			return err
		}
		if got := m.GetCounter().GetValue(); got != diskFullValue(i) {
			return fmt.Errorf("series %d is %v in the process, want %v", i, got, diskFullValue(i))
		}
	}
	var m dto.Metric
	if err := seconds.(prometheus.Metric).Write(&m); err != nil {
		return err
	}
	if h := m.GetHistogram(); h.GetSampleCount() != diskFullSeries || h.GetSampleSum() != diskFullSeries {
		return fmt.Errorf("the histogram is %v in the process, want a count and a sum of %d", h, diskFullSeries)
	}
	fmt.Println("full")
	return errors.Join(untilTold(), w.Close())
}

// TestDiskHasRoomAgain fills the disk, lets metrics of each type be kept in memory, makes room and waits for them to
// be shared.
func TestDiskHasRoomAgain(t *testing.T) {
	disk := mountSmallDisk(t)
	dir := filepath.Join(disk, "metrics")
	told := make(chan string, 10)
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: slog.New(lineHandler(told))})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.SetRetry(5 * time.Millisecond)
	before := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "before_total", Help: "Help."}))
	before.Inc()
	ballast := fillDisk(t, disk)

	wide := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "wide_total", Help: "Help."}, []string{"series"}))
	for i := range 100 { // more than what is left of the file's first page
		wide.WithLabelValues(diskFullLabel(i)).Add(float64(i))
	}
	histogram := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1}}))
	histogram.Observe(0.5)
	summary := mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."}))
	summary.Observe(3)
	gauge := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMostRecent))
	gauge.Set(-5)
	before.Inc()

	if line := <-told; line != keptLine {
		t.Errorf("log line %q, want %q", line, keptLine)
	}
	full := parsePage(t, scrape(t, dir))
	if n := full.Samples[unshared]; n < 3+2+1 || n > 100+3+2+1 {
		t.Errorf("%v series unshared on the page of the full disk, want 6 to 106", n)
	}
	if full.Samples["before_total{}"] != 2 {
		t.Errorf("before_total is %v on the page of the full disk, want 2", full.Samples["before_total{}"])
	}
	for _, sample := range []string{"h_count{}", "s_count{}", "g{}"} {
		if v, ok := full.Samples[sample]; ok {
			t.Errorf("%s is %v on the page of the full disk, want it not there", sample, v)
		}
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	for line := range told {
		if line == sharedLine {
			break
		}
	}
	histogram.Observe(2)
	want := map[string]float64{
		"before_total{}": 2, "g{}": -5, "s_count{}": 1, "s_sum{}": 3, unshared: 0,
		"h_count{}": 2, "h_sum{}": 2.5, `h_bucket{le="1"}`: 1, `h_bucket{le="+Inf"}`: 2,
	}
	for i := range 100 {
		want[fmt.Sprintf("wide_total{series=%q}", diskFullLabel(i))] = float64(i)
	}
	checkSamples(t, want, parsePage(t, scrape(t, dir)))
}

// TestWriterOnFullDisk makes a Writer where there is no room for anything.
func TestWriterOnFullDisk(t *testing.T) {
	disk := mountSmallDisk(t)
	dir := filepath.Join(disk, "metrics")
	ballast := fillDisk(t, disk)
	told := make(chan string, 10)
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: slog.New(lineHandler(told))})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.SetRetry(5 * time.Millisecond)
	c := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
	c.Add(7)
	checkSamples(t, map[string]float64{}, parsePage(t, scrape(t, dir)))
	if line := <-told; line != keptLine {
		t.Errorf("log line %q, want %q", line, keptLine)
	}
	if err := errors.Join(w.Close(), os.Remove(ballast)); err != nil {
		t.Fatal(err)
	}
	// The lock file was made, if without content: the id can be taken once more.
	again, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mpmetrics.Must(again.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."})).Add(1)
	checkSamples(t, map[string]float64{"c_total{}": 1, unshared: 0}, parsePage(t, scrape(t, dir)))
}

// TestMaxSeries makes more series than a file may have.
func TestMaxSeries(t *testing.T) {
	dir := t.TempDir()
	told := make(chan string, 10)
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{
		Logger: slog.New(lineHandler(told)), MaxSeries: 10,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"series"}))
	for round := range 2 {
		for i := range 15 {
			counters.WithLabelValues(fmt.Sprint(i)).Add(float64(i))
			var m dto.Metric
			if err := counters.WithLabelValues(fmt.Sprint(i)).Write(&m); err != nil {
				t.Fatal(err)
			}
			if got := m.GetCounter().GetValue(); got != float64(i*(round+1)) {
				t.Errorf("series %d is %v in the process after round %d", i, got, round)
			}
		}
		counters.Reset() // what is kept in memory goes on from where it was, as does what is in the file
	}
	// Another type is another file. A histogram goes into it as a whole or not at all.
	histograms := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1, 2}}, []string{"x"}))
	for _, x := range []string{"a", "b", "c"} { // of four series each
		histograms.WithLabelValues(x).Observe(1.5)
	}
	want := map[string]float64{unshared: 5 + 4}
	for i := range 10 {
		want[fmt.Sprintf(`c_total{series="%d"}`, i)] = float64(2 * i)
	}
	for _, x := range []string{"a", "b"} {
		want[fmt.Sprintf("h_sum{x=%q}", x)] = 1.5
		want[fmt.Sprintf("h_count{x=%q}", x)] = 1
		want[fmt.Sprintf("h_bucket{le=\"1\",x=%q}", x)] = 0
		want[fmt.Sprintf("h_bucket{le=\"2\",x=%q}", x)] = 1
		want[fmt.Sprintf("h_bucket{le=\"+Inf\",x=%q}", x)] = 1
	}
	checkSamples(t, want, parsePage(t, scrape(t, dir)))
	for _, want := range []string{keptLine, "deleted series stay in the metric file", keptLine} {
		select {
		case line := <-told:
			if line != want {
				t.Errorf("log line %q, want %q", line, want)
			}
		default:
			t.Errorf("no log line %q", want)
		}
	}
	select {
	case line := <-told:
		t.Errorf("one log line too many: %q", line)
	default:
	}
}

func checkSamples(t *testing.T, want map[string]float64, got page) {
	t.Helper()
	for sample, v := range want {
		if now, ok := got.Samples[sample]; !ok || now != v {
			t.Errorf("%.60s is %v on the page (there: %v), want %v", sample, now, ok, v)
		}
	}
	for sample, v := range got.Samples {
		if _, ok := want[sample]; !ok {
			t.Errorf("%.60s is %v on the page, want it not there", sample, v)
		}
	}
}

// mountSmallDisk gives a file system of its own to the test, which can be filled without harm.
func mountSmallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", smallDisk))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		skipOrFail(t, fmt.Sprintf("a small disk cannot be mounted, which takes root: %v", err))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// mountSmallBlocks mounts an ext4 of blocks of 1 KiB with as much room as a small disk has, and some blocks.
func mountSmallBlocks(t *testing.T, blocks int) string {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil || os.Geteuid() != 0 {
		skipOrFail(t, "there is no mkfs.ext4, or no root to mount what it makes")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	check(t, os.WriteFile(image, nil, 0o600))
	check(t, os.Truncate(image, 8*smallDisk))
	for _, args := range [][]string{
		{mkfs, "-q", "-F", "-b", "1024", "-m", "0", "-O", "^has_journal", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			skipOrFail(t, fmt.Sprintf("%s: %v: %s", args[0], err, out))
		}
	}
	t.Cleanup(func() { check(t, unix.Unmount(dir, 0)) })
	var st unix.Statfs_t
	check(t, unix.Statfs(dir, &st))
	check(t, os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, (int(st.Bavail)-blocks)*int(st.Bsize)-smallDisk), 0o600))
	return dir
}

// fillDisk leaves no block free.
func fillDisk(t *testing.T, disk string) (ballast string) {
	t.Helper()
	ballast = filepath.Join(disk, "ballast")
	err := os.WriteFile(ballast, make([]byte, 2*smallDisk), 0o600)
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("filling the disk: %v, want %v", err, unix.ENOSPC)
	}
	return ballast
}

// lineHandler is a slog.Handler that sends the messages to a channel.
type lineHandler chan<- string

func (h lineHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h lineHandler) Handle(_ context.Context, r slog.Record) error {
	h <- r.Message
	return nil
}

func (h lineHandler) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h lineHandler) WithGroup(string) slog.Handler { return h }
