package mpmetrics_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

func TestWipe(t *testing.T) {
	good := metricFile(with(sharedKey, 4))
	files := []struct {
		name    string
		content []byte
		stays   bool
	}{
		{"counter_w1.db", good, false},
		{"counter_4711.db", good, false},
		{"histogram_w-2.db", append(slices.Clone(good), make([]byte, 1<<16)...), false},
		{"summary_w.1.db", metricFile(), false},
		{"gauge_all_w1.db", good, false},
		{"gauge_livemostrecent_w1.db", good, false},
		{"counter_empty.db", nil, false},
		{"counter_zeros.db", make([]byte, 4096), false},

		{"counter_.db", good, true},
		{"counter.db", good, true},
		{"counter_host_3.db", good, true}, // an underscore is in no id of ours
		{"counter_w1.db.bak", good, true},
		{"counter_w1.db ", good, true},
		{"Counter_w1.db", good, true},
		{"gauge_bogus_1.db", good, true},
		{"gauge_1.db", good, true},
		{"untyped_1.db", good, true},
		{"x.db", good, true},
		{"notes.txt", []byte("do not lose me"), true},
		{"empty.txt", nil, true},
		{"counter_sqlite.db", sqlite, true},
		{"counter_text.db", []byte("counted: 1, 2, 3"), true},
		{"counter_short.db", good[:7], true},
		{"counter_negative.db", withUsed(good, -8), true},
		{"counter_long.db", withUsed(good, len(good)+8), true},
		{"counter_uneven.db", withUsed(good, len(good)-4), true},
		{"counter_header.db", append([]byte{8, 0, 0, 0, 1, 0, 0, 0}, good...), true},
	}
	dir := t.TempDir()
	var want []string
	for _, f := range files {
		put(t, filepath.Join(dir, f.name), f.content)
		if f.stays {
			want = append(want, f.name)
		}
	}
	outside := filepath.Join(t.TempDir(), "counter_1.db")
	put(t, outside, good)
	check(t, os.Symlink(outside, filepath.Join(dir, "counter_link.db")))
	check(t, os.Mkdir(filepath.Join(dir, "counter_dir.db"), 0o700))
	check(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	put(t, filepath.Join(dir, "folder", "counter_1.db"), good)
	check(t, unix.Mkfifo(filepath.Join(dir, "counter_fifo.db"), 0o600))
	want = append(want, "counter_link.db", "counter_dir.db", "counter_fifo.db", "folder")
	slices.Sort(want)
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), nil)
	put(t, filepath.Join(dir, ".mpm", "counter_w1.db.damaged"), sqlite)

	log := &logged{}
	d := openDirectory(t, dir, log)
	check(t, d.Wipe())
	if diff := cmp.Diff(want, fileNames(t, dir)); diff != "" {
		t.Errorf("what stays (-want +got):\n%s", diff)
	}
	for _, f := range files {
		if !f.stays {
			continue
		}
		if content, err := os.ReadFile(filepath.Join(dir, f.name)); err != nil || string(content) != string(f.content) {
			t.Errorf("%s: %d bytes, %v; want it as it was", f.name, len(content), err)
		}
	}
	for _, path := range []string{outside, filepath.Join(dir, "folder", "counter_1.db")} {
		if content, err := os.ReadFile(path); err != nil || string(content) != string(good) {
			t.Errorf("%s: %d bytes, %v; want it as it was", path, len(content), err)
		}
	}
	records := log.records(t)
	if len(records) != 1 {
		t.Fatalf("%d lines in the log, want one: %s", len(records), log)
	}
	var told []string
	for _, name := range records[0]["files"].([]any) {
		told = append(told, fmt.Sprint(name))
	}
	slices.Sort(told)
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("files in the log (-want +got):\n%s", diff)
	}
}

// TestWipeForeignOwnDir: under the name of the library's subdirectory is something else, which stays.
func TestWipeForeignOwnDir(t *testing.T) {
	other := t.TempDir()
	put(t, filepath.Join(other, "precious"), nil)
	for _, test := range []struct {
		name string
		make func(path string) error
	}{
		{"a file", func(path string) error { return os.WriteFile(path, nil, 0o600) }},
		{"a symbolic link", func(path string) error { return os.Symlink(other, path) }},
		{"a directory with another in it", func(path string) error {
			return os.MkdirAll(filepath.Join(path, "precious"), 0o700)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			check(t, test.make(filepath.Join(dir, ".mpm")))
			put(t, filepath.Join(dir, "counter_1.db"), metricFile())
			log := &logged{}
			d := openDirectory(t, dir, log)
			check(t, d.Wipe())
			if got := fileNames(t, dir); !slices.Equal(got, []string{".mpm"}) {
				t.Errorf("%v stay", got)
			}
			if got := fileNames(t, other); !slices.Equal(got, []string{"precious"}) {
				t.Errorf("%v stay behind the link", got)
			}
			if records := log.records(t); len(records) != 1 || fmt.Sprint(records[0]["files"]) != "[.mpm]" {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestWipeHeld(t *testing.T) {
	dir := t.TempDir()
	first, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	second, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, first.Wipe())
	check(t, first.Wipe()) // holding it oneself is no obstacle

	w := newWriter(t, dir, "w1")
	newCounter(t, w, "jobs_total").Inc()
	put(t, filepath.Join(dir, "counter_1.db"), nil)
	before := fileNames(t, dir)
	if err := second.Wipe(); !errors.Is(err, mpmetrics.ErrHeld) {
		t.Fatalf("Wipe of a directory that is held: %v, want ErrHeld", err)
	}
	if after := fileNames(t, dir); !slices.Equal(after, before) {
		t.Errorf("after a Wipe that was refused: %v, was %v", after, before)
	}
	if _, err := os.Stat(filepath.Join(dir, ".mpm", "w1.lock")); err != nil {
		t.Error(err)
	}

	check(t, first.Close())
	check(t, second.Wipe())
	if got := fileNames(t, dir); len(got) > 0 {
		t.Errorf("%v stay", got)
	}
	check(t, second.Close())
}

// TestWipeUnderWriter: a process from before goes on, and what it makes from then on is in no file.
func TestWipeUnderWriter(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	early := newCounter(t, w, "early_total")
	early.Inc()
	d := openDirectory(t, dir, &logged{})
	check(t, d.Wipe())

	early.Inc()
	late := newCounter(t, w, "late_total") // in a file that is there no more
	late.Add(3)
	gauge := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeMax))
	gauge.Set(4)
	histogram := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "duration", Help: "Help.", Buckets: []float64{1}}))
	histogram.Observe(5)
	for _, m := range []struct {
		metric prometheus.Metric
		want   float64
	}{{early, 2}, {late, 3}, {gauge, 4}, {histogram, 5}} {
		if got := ownValue(t, m.metric); got != m.want {
			t.Errorf("%s is %v in the process, want %v", m.metric.Desc(), got, m.want)
		}
	}
	if got := fileNames(t, dir); len(got) > 0 {
		t.Errorf("%v appeared after the wipe", got)
	}
	check(t, w.Close())
}

// TestWipeUnderWriterWithSuccessor: of the process from before and the one that has its id now, only the second one
// may touch the files.
func TestWipeUnderWriterWithSuccessor(t *testing.T) {
	dir := t.TempDir()
	old := newWriter(t, dir, "w1")
	d := openDirectory(t, dir, &logged{})
	check(t, d.Wipe())

	successor := newWriter(t, dir, "w1")
	count := newCounter(t, successor, "jobs_total")
	count.Inc()
	live := mpmetrics.Must(successor.NewGauge(prometheus.GaugeOpts{Name: "busy", Help: "Help."}, mpmetrics.ModeLiveMax))
	live.Set(7)
	kept := mpmetrics.Must(successor.NewGauge(prometheus.GaugeOpts{Name: "peak", Help: "Help."}, mpmetrics.ModeMax))
	kept.Set(9)
	want := map[string]float64{"jobs_total{}": 1, "busy{}": 7, "peak{}": 9, "multiproc_metric_series_unshared{}": 0}
	f := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, parsePage(t, scrape(t, dir)).Samples); diff != "" {
			t.Errorf("%s, samples (-want +got):\n%s", when, diff)
		}
	}
	f("before the old process does anything")

	newCounter(t, old, "old_jobs_total").Add(100)
	mpmetrics.Must(old.NewGauge(prometheus.GaugeOpts{Name: "peak", Help: "Help."}, mpmetrics.ModeMax)).Set(100)
	mpmetrics.Must(old.NewSummary(prometheus.SummaryOpts{Name: "size", Help: "Help."})).Observe(100) // the first of its type
	f("after the old process made metrics")

	check(t, old.Close())
	live.Set(8)
	want["busy{}"] = 8
	f("after the old process closed")

	newCounter(t, successor, "later_total").Inc()
	want["later_total{}"] = 1
	f("after the new process made another metric")
}

// ownValue is a metric's value as its own process sees it, a histogram's sum.
func ownValue(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	d := ownMetric(t, m)
	return d.GetCounter().GetValue() + d.GetGauge().GetValue() + d.GetHistogram().GetSampleSum()
}
