package mpmetrics_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

func TestOpenDirectoryMakes(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	path := filepath.Join(parent, "metrics")
	log := &logged{}
	for range 2 { // the second time it exists
		d, err := mpmetrics.OpenDirectory(path, log.logger())
		check(t, err)
		check(t, d.Close())
	}
	for _, made := range []string{parent, path} {
		if info, err := os.Stat(made); err != nil || !info.IsDir() {
			t.Errorf("%s: %v, %v", made, info, err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", log)
	}
}

// TestUmask checks the modes of everything that is made in a directory: the umask decides who can read it, and others can
// never write.
func TestUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o027, 0o077} {
		path := filepath.Join(t.TempDir(), "metrics")
		before := unix.Umask(umask)
		d, err := mpmetrics.OpenDirectory(path, nil)
		if err == nil {
			err = d.Wipe()
		}
		w, failed := mpmetrics.NewWriter(path, "w1", mpmetrics.WriterOptions{})
		if failed == nil {
			_, failed = w.NewCounter(prometheus.CounterOpts{Name: "a_total", Help: "A."})
		}
		unix.Umask(before)
		check(t, errors.Join(err, failed))
		seen := 0
		check(t, filepath.Walk(path, func(path string, info fs.FileInfo, err error) error {
			want := fs.FileMode(0o644) &^ fs.FileMode(umask)
			if err == nil && info.IsDir() {
				want = 0o755&^fs.FileMode(umask) | fs.ModeDir
			}
			if seen++; err == nil && info.Mode() != want {
				t.Errorf("umask %03o: %s has mode %v, want %v", umask, path, info.Mode(), want)
			}
			return err
		}))
		if seen < 4 { // the directory, .mpm, a lock, a metric file
			t.Errorf("umask %03o: only %d files", umask, seen)
		}
		check(t, errors.Join(w.Close(), d.Close()))
	}
}

func TestOpenDirectoryRefuses(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	t.Setenv("HOME", home)
	link, file := filepath.Join(dir, "link"), filepath.Join(dir, "file")
	check(t, os.Symlink(t.TempDir(), link))
	put(t, file, nil)
	f := func(path, cause string) {
		t.Helper()
		if d, err := mpmetrics.OpenDirectory(path, nil); err == nil {
			t.Errorf("%q: no error, and %v on Close", path, d.Close())
		} else if !strings.Contains(err.Error(), cause) || !strings.Contains(err.Error(), filepath.Clean(path)) && path != "" {
			t.Errorf("%q: %v", path, err)
		}
	}
	f("", "no path")
	f(link, "symbolic link")
	f(link+"/", "symbolic link")
	f(link+"//.", "symbolic link")
	f(file, "not a directory")
	f("/", "holds other files")
	f("/tmp", "holds other files")
	f("/tmp/", "holds other files")
	f("/var/tmp", "holds other files")
	f(home, "holds other files")
	f(home+"/../"+filepath.Base(home), "holds other files")
	if _, err := os.Stat("/dev/shm"); err == nil {
		f("/dev/shm", "holds other files")
	}
	if got := fileNames(t, home); len(got) > 0 {
		t.Errorf("%v in a directory that was refused", got)
	}
	if w, err := mpmetrics.NewWriter(link, "w1", mpmetrics.WriterOptions{}); err == nil {
		t.Errorf("a Writer takes a symbolic link, and %v on Close", w.Close())
	}

	below, err := mpmetrics.OpenDirectory(filepath.Join(home, "metrics"), nil)
	if err != nil {
		t.Fatalf("below the home directory: %v", err)
	}
	check(t, below.Close())
}

func TestOpenDirectoryOfAnotherUser(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	check(t, os.Chown(dir, 12345, -1))
	d, err := mpmetrics.OpenDirectory(dir, nil)
	if err == nil {
		t.Fatalf("no error, and %v on Close", d.Close())
	}
	if !strings.Contains(err.Error(), "user 12345") {
		t.Error(err)
	}
}

func TestOpenDirectoryWritableByOthers(t *testing.T) {
	for _, test := range []struct {
		mode os.FileMode
		warn bool
	}{
		{0o755, false},
		{0o775, true},
		{0o757, true},
		{os.ModeSticky | 0o777, true}, // as container engines make them
	} {
		dir := t.TempDir()
		check(t, os.Chmod(dir, test.mode))
		log := &logged{}
		d, err := mpmetrics.OpenDirectory(dir, log.logger())
		if err != nil {
			t.Errorf("%v: %v", test.mode, err)
			continue
		}
		check(t, d.Close())
		records := log.records(t)
		if warned := len(records) == 1 && records[0]["level"] == "WARN" && records[0]["path"] == dir; warned != test.warn || len(records) > 1 {
			t.Errorf("%v: log: %s", test.mode, log)
		}
	}
}

func openDirectory(t *testing.T, path string, log *logged) *mpmetrics.Directory {
	t.Helper()
	d, err := mpmetrics.OpenDirectory(path, log.logger())
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}

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
		{"counter_host_3.db", good, true}, // our ids have no underscore
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
	checkEqual(t, want, fileNames(t, dir), "what stays")
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
	var logged []string
	for _, name := range records[0]["files"].([]any) {
		logged = append(logged, fmt.Sprint(name))
	}
	slices.Sort(logged)
	checkEqual(t, want, logged, "files in the log")
	checkEqual(t, float64(len(want)), records[0]["count"], "their number in the log")
}

// TestWipeForeignOwnDir: something else under the name of the library's subdirectory stays.
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

// TestReopen: the directory at the path is locked even after it was removed or replaced.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "metrics")
	d := openDirectory(t, path, &logged{})
	check(t, d.Wipe())
	for name, disturb := range map[string]func() error{
		"nothing":               func() error { return nil },
		"removed":               func() error { return os.Remove(path) },
		"renamed":               func() error { return os.Rename(path, path+".1") },
		"renamed and recreated": func() error { return errors.Join(os.Rename(path, path+".2"), os.Mkdir(path, 0o700)) },
	} {
		check(t, disturb())
		check(t, d.Reopen())
		other := openDirectory(t, path, &logged{})
		if err := other.Wipe(); !errors.Is(err, mpmetrics.ErrHeld) {
			t.Errorf("%s: Wipe of the directory at the path: %v, want ErrHeld", name, err)
		}
	}
	check(t, os.Remove(path))
	check(t, os.Symlink("/nowhere", path))
	if err := d.Reopen(); err == nil {
		t.Error("a link was followed")
	}
}

func TestWipeHeld(t *testing.T) {
	dir := t.TempDir()
	first, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	second, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, first.Wipe())
	check(t, first.Wipe()) // its own lock is no obstacle

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

// TestWipeUnderWriter: a process from before continues, and its new metrics are in no file.
func TestWipeUnderWriter(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	early := newCounter(t, w, "early_total")
	early.Inc()
	d := openDirectory(t, dir, &logged{})
	check(t, d.Wipe())

	early.Inc()
	late := newCounter(t, w, "late_total") // in a file that was removed
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
	w.Check()
	if got := fileNames(t, dir); len(got) > 0 {
		t.Errorf("%v appeared after the wipe", got)
	}
	check(t, w.Close())
}

// TestWipeUnderWriterWithSuccessor: of a process from before the wipe and the new holder of its id, only the second one may
// touch the files.
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
		checkEqual(t, want, pageOfDir(t, dir).Samples, "%s, samples", when)
	}
	f("before the old process does anything")

	newCounter(t, old, "old_jobs_total").Add(100)
	mpmetrics.Must(old.NewGauge(prometheus.GaugeOpts{Name: "peak", Help: "Help."}, mpmetrics.ModeMax)).Set(100)
	mpmetrics.Must(old.NewSummary(prometheus.SummaryOpts{Name: "size", Help: "Help."})).Observe(100) // the first of its type
	old.Check()
	f("after the old process made metrics")

	check(t, old.Close())
	live.Set(8)
	want["busy{}"] = 8
	f("after the old process closed")

	newCounter(t, successor, "later_total").Inc()
	want["later_total{}"] = 1
	f("after the new process made another metric")
}

// ownValue returns a metric's value in its own process, of a histogram the sum.
func ownValue(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	d := ownMetric(t, m)
	return d.GetCounter().GetValue() + d.GetGauge().GetValue() + d.GetHistogram().GetSampleSum()
}

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	running := newWriter(t, dir, "running")
	mpmetrics.Must(running.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveAll)).Set(1)
	put(t, filepath.Join(dir, ".mpm", "dead.lock"), []byte("{}\n"))
	gauge := metricFile(with(`["g", "g", {}, "Help."]`, 2))
	live := []string{"gauge_liveall_", "gauge_livemax_", "gauge_livemin_", "gauge_livemostrecent_", "gauge_livesum_"}
	for _, prefix := range append(slices.Clone(live), "gauge_all_", "gauge_max_", "gauge_min_", "gauge_mostrecent_", "gauge_sum_", "counter_") {
		for _, id := range []string{"dead", "4711", "host_dead"} {
			put(t, filepath.Join(dir, prefix+id+".db"), gauge)
		}
	}
	var want []string
	for _, name := range fileNames(t, dir) {
		if !slices.ContainsFunc(live, func(prefix string) bool { return name == prefix+"dead.db" }) {
			want = append(want, name)
		}
	}
	d := openDirectory(t, dir, &logged{})
	for range 2 {
		check(t, d.Sweep())
		if diff := cmp.Diff(want, fileNames(t, dir)); diff != "" {
			t.Fatalf("files after the sweep (-want +got):\n%s", diff)
		}
	}
	if !slices.Contains(want, "gauge_liveall_running.db") {
		t.Fatalf("the running process's gauge is not among %v", want)
	}
}

// TestLiveGauges: those of dead processes do not count, swept or not. A process without a lock file may be alive.
func TestLiveGauges(t *testing.T) {
	dir := t.TempDir()
	running := newWriter(t, dir, "running")
	mpmetrics.Must(running.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveAll)).Set(1)
	mpmetrics.Must(running.NewGauge(prometheus.GaugeOpts{Name: "n", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(10)
	for id, v := range map[string]float64{"dead": 2, "4711": 3} {
		put(t, filepath.Join(dir, "gauge_liveall_"+id+".db"), metricFile(with(`["g", "g", {}, "Help."]`, v)))
		put(t, filepath.Join(dir, "gauge_livesum_"+id+".db"), metricFile(with(`["n", "n", {}, "Help."]`, 10*v)))
		put(t, filepath.Join(dir, "gauge_all_"+id+".db"), metricFile(with(`["k", "k", {}, "Help."]`, v)))
	}
	put(t, filepath.Join(dir, ".mpm", "dead.lock"), []byte("{}\n"))
	c := newWatched(t, dir)
	want := map[string]float64{
		`g{pid="running"}`: 1, `g{pid="4711"}`: 3, "n{}": 10 + 30,
		`k{pid="dead"}`: 2, `k{pid="4711"}`: 3, "multiproc_metric_series_unshared{}": 0,
	}
	c.wantPage(t, "", 0, want)

	// The Collector notices if the process comes back, and if it ends again.
	again := newWriter(t, dir, "dead")
	mpmetrics.Must(again.NewGauge(prometheus.GaugeOpts{Name: "n", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(5)
	c.wantPage(t, "", 0, want, map[string]float64{"n{}": 10 + 30 + 5})
	check(t, again.Close())
	c.wantPage(t, "", 0, want)
}
