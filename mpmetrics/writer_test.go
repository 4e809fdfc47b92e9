package mpmetrics_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

func TestNewWriterHeld(t *testing.T) {
	dir := t.TempDir()
	first := newWriter(t, dir, "w1")
	live := mpmetrics.Must(first.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveSum))
	live.Set(1)
	before := pageOfDir(t, dir)
	if w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}); !errors.Is(err, mpmetrics.ErrHeld) {
		t.Fatalf("NewWriter with an id in use: %v, %v; want ErrHeld", w, err)
	}
	checkEqual(t, before, pageOfDir(t, dir), "page after it was refused")
	newWriter(t, dir, "w2") // another id is free
	check(t, first.Close())
	newWriter(t, dir, "w1")
}

func TestNewWriterRefusesID(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"", "a b", "a_b", "../x", "a/b", "/", "ü", "a\n", "a\x00", "*"} {
		if w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{}); err == nil {
			t.Errorf("%q: no error, and %v on Close", id, w.Close())
		} else if !strings.Contains(err.Error(), fmt.Sprintf("%q", id)) {
			t.Errorf("%q: %v", id, err)
		}
	}
	if got := fileNames(t, dir); len(got) > 0 {
		t.Errorf("%v in the directory", got)
	}
	for _, id := range []string{"w1", "W-1.example", "4711", ".", "..", "-"} {
		newWriter(t, dir, id)
	}
}

// TestNewWriterForeignOwnDir: a file in the place of the library's subdirectory is moved aside unchanged.
func TestNewWriterForeignOwnDir(t *testing.T) {
	other := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"a file":                      func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a symbolic link":             func(path string) error { return os.Symlink(other, path) },
		"a symbolic link to nothing":  func(path string) error { return os.Symlink("nothing", path) },
		"a symbolic link to its home": func(path string) error { return os.Symlink(".", path) },
		"a FIFO":                      func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			own := filepath.Join(dir, ".mpm")
			check(t, make(own))
			before, err := os.Lstat(own)
			check(t, err)
			newWriter(t, dir, "w1")
			if after, err := os.Lstat(own + ".damaged"); err != nil || !os.SameFile(before, after) {
				t.Errorf("moved away: %v, %v", after, err)
			}
			if got := append(fileNames(t, own), fileNames(t, other)...); !slices.Equal(got, []string{"w1.lock"}) {
				t.Errorf("%v in the subdirectory and behind the link", got)
			}
		})
	}
}

// TestNewWriterForeignLock: a lock file that is a second name of another file is moved aside, and the file keeps its content.
func TestNewWriterForeignLock(t *testing.T) {
	dir := t.TempDir()
	check(t, newWriter(t, dir, "w1").Close())
	precious := filepath.Join(t.TempDir(), "precious")
	put(t, precious, []byte("content"))
	lock := filepath.Join(dir, ".mpm", "w1.lock")
	check(t, os.Remove(lock))
	check(t, os.Link(precious, lock))
	newWriter(t, dir, "w1")
	d := openDirectory(t, dir, &logged{})
	check(t, d.Wipe())
	if got, err := os.ReadFile(precious); err != nil || string(got) != "content" {
		t.Errorf("the other file has become %q, %v", got, err)
	}
}

// TestTakeOverID: the next holder of an id continues its counts, and not its live gauges.
func TestTakeOverID(t *testing.T) {
	dir := t.TempDir()
	f := func(w *mpmetrics.Writer, peak bool) {
		newCounter(t, w, "jobs_total").Add(3)
		mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "size", Help: "Help."})).Observe(2)
		if peak {
			mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "peak", Help: "Help."}, mpmetrics.ModeMax)).Set(5)
			mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "busy", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(6)
		}
	}
	first := newWriter(t, dir, "w1")
	f(first, true)
	stale, err := os.ReadFile(filepath.Join(dir, "gauge_livesum_w1.db"))
	check(t, err)
	check(t, first.Close())
	if got := fileNames(t, dir); slices.Contains(got, "gauge_livesum_w1.db") {
		t.Errorf("%v after Close", got)
	}
	put(t, filepath.Join(dir, "gauge_livesum_w1.db"), stale) // as a killed process leaves it

	f(newWriter(t, dir, "w1"), false)
	want := map[string]float64{
		"jobs_total{}": 6, "size_count{}": 2, "size_sum{}": 4, "peak{}": 5, "multiproc_metric_series_unshared{}": 0,
	}
	checkEqual(t, want, pageOfDir(t, dir).Samples, "samples")
}

func TestMust(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	if c := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."})); c == nil {
		t.Error("no counter")
	}
	defer func() {
		if err, ok := recover().(error); !ok || !strings.Contains(err.Error(), "exists already") {
			t.Errorf("panic with %v, want the error", err)
		}
	}()
	mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
}

// TestCrashBeforeSecondNameGone: a process that dies while it makes a file may leave it with two names.
func TestCrashBeforeSecondNameGone(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	newCounter(t, w, "jobs_total").Add(3)
	check(t, w.Close())
	check(t, os.Link(filepath.Join(dir, "counter_w1.db"), filepath.Join(dir, ".mpm", "counter_w1.db.new")))
	newCounter(t, newWriter(t, dir, "w1"), "jobs_total").Add(4)
	if got := pageOfDir(t, dir).Samples["jobs_total{}"]; got != 7 {
		t.Errorf("jobs_total is %v, want 7", got)
	}
}

// TestOwnFileDamaged: a file that cannot be continued is set aside as it is, and a new one begins at 0.
func TestOwnFileDamaged(t *testing.T) {
	good := metricFile(with(`["jobs", "jobs_total", {}, "Help."]`, 4))
	for _, test := range []struct {
		name    string
		content []byte
	}{
		{"0 bytes", nil},
		{"zeros only", make([]byte, 1<<16)},
		{"garbage", sqlite},
		{"used too large", withUsed(good, 1<<20)},
		{"used negative", withUsed(good, -8)},
		{"entry cut off", withUsed(good, len(good)-16)},
		{"bad entry", metricFile(withLength(with(sharedKey, 1), -1))},
		{"bad entry after a good one", metricFile(with(`["jobs", "jobs_total", {}, "Help."]`, 4), withLength(with(sharedKey, 1), -1))},
		{"8 value bytes", withUsed(good[:len(good)-8], len(good)-8)},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "counter_w1.db"), test.content)
			log := &logged{}
			w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: log.logger()})
			check(t, err)
			defer w.Close()
			newCounter(t, w, "jobs_total").Inc()
			want := map[string]float64{"jobs_total{}": 1, "multiproc_metric_series_unshared{}": 0}
			checkEqual(t, want, pageOfDir(t, dir).Samples, "samples")
			aside, err := os.ReadFile(filepath.Join(dir, ".mpm", "counter_w1.db.damaged"))
			if err != nil || string(aside) != string(test.content) {
				t.Errorf("%d bytes set aside, %v; want it as it was", len(aside), err)
			}
			if records := log.records(t); len(records) != 1 || !strings.Contains(fmt.Sprint(records[0]["error"]), "counter_w1.db") {
				t.Errorf("log: %s", log)
			}
		})
	}
}
