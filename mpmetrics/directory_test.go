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
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

func TestOpenDirectoryMakes(t *testing.T) {
	parent := filepath.Join(t.TempDir(), "parent")
	path := filepath.Join(parent, "metrics")
	log := &logged{}
	for range 2 { // also where it is already
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

// TestModesAreLeftToTheUmask looks at all that is made in and for a directory: who may read it, the umask says, and others
// may write nowhere, whatever it says.
func TestModesAreLeftToTheUmask(t *testing.T) {
	for _, umask := range []int{0, 0o022, 0o027, 0o077} {
		path := filepath.Join(t.TempDir(), "metrics")
		before := unix.Umask(umask)
		d, err := mpmetrics.OpenDirectory(path, nil)
		if err == nil {
			err = d.Wipe()
		}
		if err == nil {
			err = d.Leave([]byte("note"))
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
		if seen < 5 { // the directory, .mpm, a lock, a note, a metric file
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
	f("/", "directory of its own")
	f("/tmp", "directory of its own")
	f("/tmp/", "directory of its own")
	f("/var/tmp", "directory of its own")
	f(home, "directory of its own")
	f(home+"/../"+filepath.Base(home), "directory of its own")
	if _, err := os.Stat("/dev/shm"); err == nil {
		f("/dev/shm", "directory of its own")
	}
	if got := names(t, home); len(got) > 0 {
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
	if os.Geteuid() != 0 {
		skipOrFail(t, "only root can give a directory away")
	}
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
	if diff := cmp.Diff(want, names(t, dir)); diff != "" {
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
			if got := names(t, dir); !slices.Equal(got, []string{".mpm"}) {
				t.Errorf("%v stay", got)
			}
			if got := names(t, other); !slices.Equal(got, []string{"precious"}) {
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
	before := names(t, dir)
	if err := second.Wipe(); !errors.Is(err, mpmetrics.ErrHeld) {
		t.Fatalf("Wipe of a directory that is held: %v, want ErrHeld", err)
	}
	if after := names(t, dir); !slices.Equal(after, before) {
		t.Errorf("after a Wipe that was refused: %v, was %v", after, before)
	}
	if _, err := os.Stat(filepath.Join(dir, ".mpm", "w1.lock")); err != nil {
		t.Error(err)
	}

	check(t, first.Close())
	check(t, second.Wipe())
	if got := names(t, dir); len(got) > 0 {
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
	if got := names(t, dir); len(got) > 0 {
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

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	living := newWriter(t, dir, "living")
	mpmetrics.Must(living.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveAll)).Set(1)
	put(t, filepath.Join(dir, ".mpm", "dead.lock"), []byte("{}\n"))
	gauge := metricFile(with(`["g", "g", {}, "Help."]`, 2))
	live := []string{"gauge_liveall_", "gauge_livemax_", "gauge_livemin_", "gauge_livemostrecent_", "gauge_livesum_"}
	for _, prefix := range append(slices.Clone(live), "gauge_all_", "gauge_max_", "gauge_min_", "gauge_mostrecent_", "gauge_sum_", "counter_") {
		for _, id := range []string{"dead", "4711", "host_dead"} {
			put(t, filepath.Join(dir, prefix+id+".db"), gauge)
		}
	}
	var want []string
	for _, name := range names(t, dir) {
		if !slices.ContainsFunc(live, func(prefix string) bool { return name == prefix+"dead.db" }) {
			want = append(want, name)
		}
	}
	d := openDirectory(t, dir, &logged{})
	for range 2 {
		check(t, d.Sweep())
		if diff := cmp.Diff(want, names(t, dir)); diff != "" {
			t.Fatalf("files after the sweep (-want +got):\n%s", diff)
		}
	}
	if !slices.Contains(want, "gauge_liveall_living.db") {
		t.Fatalf("the living process's gauge is not among %v", want)
	}
}

// TestLiveGaugesOfTheDead: they do not count, swept or not. Who has no lock file may be alive.
func TestLiveGaugesOfTheDead(t *testing.T) {
	dir := t.TempDir()
	living := newWriter(t, dir, "living")
	mpmetrics.Must(living.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveAll)).Set(1)
	mpmetrics.Must(living.NewGauge(prometheus.GaugeOpts{Name: "n", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(10)
	for id, v := range map[string]float64{"dead": 2, "4711": 3} {
		put(t, filepath.Join(dir, "gauge_liveall_"+id+".db"), metricFile(with(`["g", "g", {}, "Help."]`, v)))
		put(t, filepath.Join(dir, "gauge_livesum_"+id+".db"), metricFile(with(`["n", "n", {}, "Help."]`, 10*v)))
		put(t, filepath.Join(dir, "gauge_all_"+id+".db"), metricFile(with(`["k", "k", {}, "Help."]`, v)))
	}
	put(t, filepath.Join(dir, ".mpm", "dead.lock"), []byte("{}\n"))
	c := newWatched(t, dir)
	want := map[string]float64{
		`g{pid="living"}`: 1, `g{pid="4711"}`: 3, "n{}": 10 + 30,
		`k{pid="dead"}`: 2, `k{pid="4711"}`: 3, "multiproc_metric_series_unshared{}": 0,
	}
	c.wantPage(t, "", 0, want)

	// It can come back, and the Collector sees both the coming and the going.
	again := newWriter(t, dir, "dead")
	mpmetrics.Must(again.NewGauge(prometheus.GaugeOpts{Name: "n", Help: "Help."}, mpmetrics.ModeLiveSum)).Set(5)
	c.wantPage(t, "", 0, want, map[string]float64{"n{}": 10 + 30 + 5})
	check(t, again.Close())
	c.wantPage(t, "", 0, want)
}

func TestNewWriterHeld(t *testing.T) {
	dir := t.TempDir()
	first := newWriter(t, dir, "w1")
	live := mpmetrics.Must(first.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Help."}, mpmetrics.ModeLiveSum))
	live.Set(1)
	before := parsePage(t, scrape(t, dir))
	if w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}); !errors.Is(err, mpmetrics.ErrHeld) {
		t.Fatalf("NewWriter with an id in use: %v, %v; want ErrHeld", w, err)
	}
	if diff := cmp.Diff(before, parsePage(t, scrape(t, dir))); diff != "" {
		t.Errorf("page after it was refused (-want +got):\n%s", diff)
	}
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
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("%v in the directory", got)
	}
	for _, id := range []string{"w1", "W-1.example", "4711", ".", "..", "-"} {
		newWriter(t, dir, id)
	}
}

// TestNewWriterForeignOwnDir: what somebody put in the place of the library's subdirectory leads nowhere.
func TestNewWriterForeignOwnDir(t *testing.T) {
	other := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"a file":                      func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a symbolic link":             func(path string) error { return os.Symlink(other, path) },
		"a symbolic link to nothing":  func(path string) error { return os.Symlink("nothing", path) },
		"a symbolic link to its home": func(path string) error { return os.Symlink(".", path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			check(t, make(filepath.Join(dir, ".mpm")))
			if w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}); err == nil {
				t.Errorf("no error, and %v on Close", w.Close())
			}
			if got := append(names(t, dir), names(t, other)...); !slices.Equal(got, []string{".mpm"}) {
				t.Errorf("%v in the directory and behind the link", got)
			}
		})
	}
}

// TestNewWriterForeignLock: a lock file that is another file too would cost that one its content.
func TestNewWriterForeignLock(t *testing.T) {
	dir := t.TempDir()
	check(t, newWriter(t, dir, "w1").Close())
	precious := filepath.Join(t.TempDir(), "precious")
	put(t, precious, []byte("content"))
	lock := filepath.Join(dir, ".mpm", "w1.lock")
	check(t, os.Remove(lock))
	check(t, os.Link(precious, lock))
	if _, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}); err == nil {
		t.Error("the id was taken")
	}
	if got, err := os.ReadFile(precious); err != nil || string(got) != "content" {
		t.Errorf("the other file has become %q, %v", got, err)
	}
}

// TestCrashBeforeSecondNameGone: a process that dies while it makes a file leaves that with two names.
func TestCrashBeforeSecondNameGone(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	newCounter(t, w, "jobs_total").Add(3)
	check(t, w.Close())
	check(t, os.Link(filepath.Join(dir, "counter_w1.db"), filepath.Join(dir, ".mpm", "counter_w1.db.new")))
	newCounter(t, newWriter(t, dir, "w1"), "jobs_total").Add(4)
	if got := parsePage(t, scrape(t, dir)).Samples["jobs_total{}"]; got != 7 {
		t.Errorf("jobs_total is %v, want 7", got)
	}
}

// TestTakeOverID: the next process of an id continues what adds up and begins anew what says how things are now.
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
	if got := names(t, dir); slices.Contains(got, "gauge_livesum_w1.db") {
		t.Errorf("%v after Close", got)
	}
	put(t, filepath.Join(dir, "gauge_livesum_w1.db"), stale) // as one that was killed leaves it

	f(newWriter(t, dir, "w1"), false)
	want := map[string]float64{
		"jobs_total{}": 6, "size_count{}": 2, "size_sum{}": 4, "peak{}": 5, "multiproc_metric_series_unshared{}": 0,
	}
	if diff := cmp.Diff(want, parsePage(t, scrape(t, dir)).Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}

// TestOwnFileDamaged: a file that cannot be continued is out of the way, and neither it nor what readers counted of it is
// lost.
func TestOwnFileDamaged(t *testing.T) {
	good := metricFile(with(`["jobs", "jobs_total", {}, "Help."]`, 4))
	for _, test := range []struct {
		name    string
		content []byte
		jobs    float64 // that readers counted
	}{
		{"0 bytes", nil, 0},
		{"zeros only", make([]byte, 1<<16), 0},
		{"garbage", sqlite, 0},
		{"used too large", withUsed(good, 1<<20), 4},
		{"used negative", withUsed(good, -8), 0},
		{"entry cut off", withUsed(good, len(good)-16), 0},
		{"bad entry", metricFile(withLength(with(sharedKey, 1), -1)), 0},
		{"bad entry after a good one", metricFile(with(`["jobs", "jobs_total", {}, "Help."]`, 4), withLength(with(sharedKey, 1), -1)), 4},
		{"8 value bytes", withUsed(good[:len(good)-8], len(good)-8), 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, filepath.Join(dir, "counter_w1.db"), test.content)
			log := &logged{}
			w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{Logger: log.logger()})
			check(t, err)
			defer w.Close()
			newCounter(t, w, "jobs_total").Inc()
			newCounter(t, w, "more_total").Inc()
			want := map[string]float64{"jobs_total{}": test.jobs + 1, "more_total{}": 1, "multiproc_metric_series_unshared{}": 0}
			if diff := cmp.Diff(want, parsePage(t, scrape(t, dir)).Samples); diff != "" {
				t.Errorf("samples (-want +got):\n%s", diff)
			}
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

func openDirectory(t *testing.T, path string, log *logged) *mpmetrics.Directory {
	t.Helper()
	d, err := mpmetrics.OpenDirectory(path, log.logger())
	check(t, err)
	t.Cleanup(func() { check(t, d.Close()) })
	return d
}

func newWriter(t *testing.T, dir, id string) *mpmetrics.Writer {
	t.Helper()
	w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
	check(t, err)
	t.Cleanup(func() { check(t, w.Close()) })
	return w
}

func newCounter(t *testing.T, w *mpmetrics.Writer, name string) prometheus.Counter {
	t.Helper()
	c, err := w.NewCounter(prometheus.CounterOpts{Name: name, Help: "Help."})
	check(t, err)
	return c
}

// ownValue is a metric's value as its own process sees it, a histogram's sum.
func ownValue(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var d dto.Metric
	check(t, m.Write(&d))
	return d.GetCounter().GetValue() + d.GetGauge().GetValue() + d.GetHistogram().GetSampleSum()
}

// names are those in a directory, sorted.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
