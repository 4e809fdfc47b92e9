package mpmetrics_test

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

const (
	smallDisk   = 1 << 20
	unshared    = "multiproc_metric_series_unshared{}"
	keptLine    = "metrics kept in memory, not shared"
	sharedLine  = "metrics shared again"
	deletedLine = "deleted series stay in the metric file"
)

// diskFullSeries is a number of series for which there is no room.
const diskFullSeries = 3000

// TestDiskFull has a child make metrics until the disk is full and long after. It is a child because the failure to be
// excluded, a store into a mapping without space behind it, kills the process.
func TestDiskFull(t *testing.T) {
	t.Run("tmpfs", func(t *testing.T) { testDiskFull(t, mountSmallDisk(t)) })
	// The last page of a file may get its first blocks but not the others, which a store into it needs too.
	for blocks := range proctest.Rounds(1, 4) {
		t.Run(fmt.Sprint("blocks smaller than a page, ", blocks, " left"), func(t *testing.T) {
			testDiskFull(t, mountSmallBlocks(t, blocks))
		})
	}
}

func testDiskFull(t *testing.T, disk string) {
	t.Helper()
	dir := filepath.Join(disk, "metrics")
	var stderr proctest.Log
	c := proctest.StartWith(t, func(cmd *exec.Cmd) { cmd.Stderr = &stderr }, "diskfull", dir)
	if line := c.Line(); line != "full" {
		t.Fatalf("report %q, want full", line)
	}
	got := pageOfDir(t, dir)
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
	// The histogram, of four series, finds no room for its file.
	kept := float64(diskFullSeries - shown + 4)
	if got.Samples[unshared] != kept {
		t.Errorf("%v series unshared on the page, want %v", got.Samples[unshared], kept)
	}
	if _, faulty := got.Families["multiproc_metric_files_faulty"]; faulty {
		t.Error("the full disk left faulty files")
	}
	if lines := c.Stop(); len(lines) > 0 {
		t.Errorf("reports after the end: %q", lines)
	}
	if n := stderr.Count(keptLine); n != 2 {
		t.Errorf("%d times %q in the log, want once for each file:\n%s", n, keptLine, &stderr)
	}
}

func diskFullSample(i int) string { return fmt.Sprintf("diskfull_total{series=%q}", diskFullLabel(i)) }

func diskFullLabel(i int) string { return fmt.Sprintf("%d-%s", i, strings.Repeat("x", 500)) }

func diskFullValue(i int) float64 { return float64(i%7) + 2.5 }

// diskFullChild checks its own values and then reports.
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
		c.Inc() // those in the file still have their space
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
	return errors.Join(proctest.UntilStopped(), w.Close())
}

// TestDiskHasRoomAgain fills the disk so that metrics of each type are kept in memory, makes room, and waits until they are
// shared.
func TestDiskHasRoomAgain(t *testing.T) {
	disk := mountSmallDisk(t)
	dir := filepath.Join(disk, "metrics")
	log := &proctest.Log{}
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
	check(t, err)
	defer w.Close()
	w.SetRetry(5 * time.Millisecond)
	before := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "before_total", Help: "Help."}))
	before.Inc()
	ballast := fillDisk(t, disk)

	wide := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "wide_total", Help: "Help."}, []string{"series"}))
	for i := range 100 { // more than the rest of the file's first page can hold
		wide.WithLabelValues(diskFullLabel(i)).Add(float64(i))
	}
	histogram := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: []float64{1}}))
	histogram.Observe(0.5)
	summary := mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "Help."}))
	summary.Observe(3)
	gauge := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeMostRecent))
	gauge.Set(-5)
	before.Inc()

	log.Wait(t, nil, keptLine)
	full := pageOfDir(t, dir)
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

	check(t, os.Remove(ballast))
	log.Wait(t, nil, sharedLine)
	histogram.Observe(2)
	want := map[string]float64{
		"before_total{}": 2, "g{}": -5, "s_count{}": 1, "s_sum{}": 3, unshared: 0,
		"h_count{}": 2, "h_sum{}": 2.5, `h_bucket{le="1"}`: 1, `h_bucket{le="+Inf"}`: 2,
	}
	for i := range 100 {
		want[fmt.Sprintf("wide_total{series=%q}", diskFullLabel(i))] = float64(i)
	}
	checkSamples(t, want, pageOfDir(t, dir))
}

// TestWriterOnFullDisk makes a Writer on a disk without any room.
func TestWriterOnFullDisk(t *testing.T) {
	disk := mountSmallDisk(t)
	dir := filepath.Join(disk, "metrics")
	ballast := fillDisk(t, disk)
	log := &proctest.Log{}
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
	check(t, err)
	defer w.Close()
	w.SetRetry(5 * time.Millisecond)
	c := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
	c.Add(7)
	checkSamples(t, map[string]float64{}, pageOfDir(t, dir))
	log.Wait(t, nil, keptLine)
	check(t, errors.Join(w.Close(), os.Remove(ballast)))
	// The lock file exists, if without content: the id can be taken again.
	again, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	defer again.Close()
	mpmetrics.Must(again.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."})).Add(1)
	checkSamples(t, map[string]float64{"c_total{}": 1, unshared: 0}, pageOfDir(t, dir))
}

// TestTruncatedOnFullDisk truncates a file when the disk has no room to restore it.
func TestTruncatedOnFullDisk(t *testing.T) {
	disk := mountSmallDisk(t)
	dir := filepath.Join(disk, "metrics")
	log := &proctest.Log{}
	w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{Logger: textLogger(log)})
	c := newCounter(t, w, "jobs_total")
	c.Inc()
	file := filepath.Join(dir, "counter_w1.db")
	check(t, errors.Join(os.Truncate(file, 0), os.Truncate(file, 1<<16)))
	ballast := fillDisk(t, disk)
	c.Inc() // into a hole without space behind it
	w.Check()
	c.Inc()
	late := newCounter(t, w, "late_total")
	late.Inc()
	w.Check()
	log.Wait(t, nil, keptLine)
	checkSamples(t, map[string]float64{unshared: 2}, pageWithoutFaults(t, dir))
	check(t, os.Remove(ballast))
	w.Check()
	c.Inc()
	late.Inc()
	want := map[string]float64{"jobs_total{}": 3, "late_total{}": 2, unshared: 0, "multiproc_metric_files_recreated_total{}": 1}
	checkSamples(t, want, pageOfDir(t, dir))
}

// pageWithoutFaults returns the page without the gauge of faulty files.
func pageWithoutFaults(t *testing.T, dir string) page {
	t.Helper()
	p := pageOfDir(t, dir)
	maps.DeleteFunc(p.Samples, func(name string, _ float64) bool { return strings.HasPrefix(name, "multiproc_metric_files_faulty") })
	return p
}

// TestMaxSeries makes more series than a file can have.
func TestMaxSeries(t *testing.T) {
	dir := t.TempDir()
	log := &proctest.Log{}
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{
		Logger: textLogger(log), MaxSeries: 10,
	})
	check(t, err)
	defer w.Close()
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "c_total", Help: "Help."}, []string{"series"}))
	for round := range 2 {
		for i := range 15 {
			counters.WithLabelValues(fmt.Sprint(i)).Add(float64(i))
			var m dto.Metric
			check(t, counters.WithLabelValues(fmt.Sprint(i)).Write(&m))
			if got := m.GetCounter().GetValue(); got != float64(i*(round+1)) {
				t.Errorf("series %d is %v in the process after round %d", i, got, round)
			}
		}
		counters.Reset() // series in memory continue, like those in the file
	}
	// Another type has another file. A histogram goes into it as a whole or not at all.
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
	checkSamples(t, want, pageOfDir(t, dir))
	if log.Count("level=") != 3 || log.Count(keptLine) != 2 || log.Count(deletedLine) != 1 {
		t.Errorf("log:\n%s", log)
	}
}

// mountSmallDisk mounts a file system that the test can fill.
func mountSmallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0700", smallDisk))
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		proctest.Missing(t, fmt.Sprintf("a small disk cannot be mounted, which needs root: %v", err))
	}
	check(t, err)
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// mountSmallBlocks mounts an ext4 with blocks of 1 KiB that has the room of a small disk and some blocks more.
func mountSmallBlocks(t *testing.T, blocks int) string {
	t.Helper()
	mkfs, err := exec.LookPath("mkfs.ext4")
	if err != nil || os.Geteuid() != 0 {
		proctest.Missing(t, "it needs mkfs.ext4 and root")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	check(t, os.WriteFile(image, nil, 0o600))
	check(t, os.Truncate(image, 8*smallDisk))
	for _, args := range [][]string{
		{mkfs, "-q", "-F", "-b", "1024", "-m", "0", "-O", "^has_journal", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			proctest.Missing(t, fmt.Sprintf("%s: %v: %s", args[0], err, out))
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
