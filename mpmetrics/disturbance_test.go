package mpmetrics_test

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// disturbedFiles are the files of the child of TestDisturbedWriter, with the beginning of the names of their samples.
func disturbedFiles(id string) map[string]string {
	return map[string]string{
		"counter_" + id + ".db": "disturbed_total", "gauge_sum_" + id + ".db": "disturbed_level",
		"histogram_" + id + ".db": "disturbed_seconds", "summary_" + id + ".db": "disturbed_size",
	}
}

// disturbance is a change that others make to a metrics directory in use.
type disturbance struct {
	name   string
	clears bool // part of the values, which then begin at 0
	do     func(dir, file string) error
}

// cuts are offsets within the first page of a file: in the header, at its end, in an entry; and in the second page.
var cuts = []int64{0, 3, 8, 40, 200, 4096, 5000}

func disturbances(id string) []disturbance {
	lock := filepath.Join(".mpm", id+".lock")
	size := func(path string, sizes ...int64) error {
		for _, n := range sizes {
			if err := os.Truncate(path, n); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	}
	replace := func(path string, make func(path string) error) error {
		return errors.Join(os.RemoveAll(path), make(path))
	}
	// The writer may have recreated the file already, which must not be overwritten.
	file := func(path string, content []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if err != nil {
			return err
		}
		_, err = f.Write(content)
		return errors.Join(err, f.Close())
	}
	nothing := map[string]func(path string) error{
		"nothing":       func(string) error { return nil },
		"an empty file": func(path string) error { return file(path, nil) },
		"another file":  func(path string) error { return file(path, sqlite) },
		"a directory":   func(path string) error { return os.Mkdir(path, 0o755) },
		"a full directory": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o755), os.Mkdir(filepath.Join(path, "full"), 0o755))
		},
		"a dead link": func(path string) error { return os.Symlink("/nowhere", path) },
		"a link":      func(path string) error { return os.Symlink("/dev/null", path) },
		"a FIFO":      func(path string) error { return unix.Mkfifo(path, 0o644) },
	}
	var all []disturbance
	for _, n := range cuts {
		all = append(all,
			disturbance{fmt.Sprintf("truncated to %d", n), true, func(dir, file string) error {
				return size(filepath.Join(dir, file), n)
			}},
			disturbance{fmt.Sprintf("truncated to %d and enlarged", n), true, func(dir, file string) error {
				return size(filepath.Join(dir, file), n, 1<<16)
			}},
			disturbance{fmt.Sprintf("truncated to %d and removed", n), true, func(dir, file string) error {
				path := filepath.Join(dir, file)
				return errors.Join(size(path, n), os.RemoveAll(path))
			}})
	}
	for what, make := range nothing {
		all = append(all,
			disturbance{"replaced by " + what, false, func(dir, file string) error {
				return replace(filepath.Join(dir, file), make)
			}},
			disturbance{"renamed and replaced by " + what, false, func(dir, file string) error {
				path := filepath.Join(dir, file)
				return errors.Join(os.Rename(path, path+".old"), make(path))
			}},
			disturbance{"lock replaced by " + what, false, func(dir, _ string) error {
				return replace(filepath.Join(dir, lock), make)
			}},
			disturbance{".mpm replaced by " + what, false, func(dir, _ string) error {
				return replace(filepath.Join(dir, ".mpm"), make)
			}},
			disturbance{".mpm renamed and replaced by " + what, false, func(dir, _ string) error {
				return errors.Join(os.RemoveAll(dir+"/old"), os.Rename(dir+"/.mpm", dir+"/old"), make(dir+"/.mpm"))
			}})
	}
	return append(all,
		disturbance{"lock truncated", false, func(dir, _ string) error { return size(filepath.Join(dir, lock), 0) }},
		disturbance{"directory removed", false, func(dir, _ string) error { return os.RemoveAll(dir) }},
		disturbance{"directory renamed", false, func(dir, _ string) error {
			return errors.Join(os.RemoveAll(dir+".old"), os.Rename(dir, dir+".old"))
		}},
		disturbance{"directory renamed and recreated", false, func(dir, _ string) error {
			return errors.Join(os.RemoveAll(dir+".old"), os.Rename(dir, dir+".old"), os.Mkdir(dir, 0o755))
		}},
	)
}

// TestDisturbedWriter has a worker, and a master that holds the directory, disturb their own files while they update metrics of all
// types. They must survive, no update that began after a disturbance may be lost, and after the next check everything must be
// on the page.
func TestDisturbedWriter(t *testing.T) {
	t.Parallel()
	if raceDetector {
		t.Skip("the race detector does atomic operations in C, where a fault kills the process")
	}
	rounds := proctest.Rounds(len(disturbances("")), 500)
	if os.Getenv(proctest.SoakVariable) != "" {
		rounds = 10_000
	}
	for _, id := range []string{"w1", "master"} {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			c := proctest.Start(t, "disturbed", filepath.Join(t.TempDir(), "metrics"), id, strconv.Itoa(rounds))
			t.Log(c.Line())
			c.Stop()
		})
	}
}

// disturbedMetrics are metrics whose values each update increases by 1.
type disturbedMetrics struct {
	counter   prometheus.Counter
	gauge     prometheus.Gauge
	histogram prometheus.Histogram
	summary   prometheus.Summary

	pause       sync.RWMutex // held for reading while updating
	begun, done atomic.Int64
}

func (m *disturbedMetrics) update() {
	m.pause.RLock()
	defer m.pause.RUnlock()
	m.begun.Add(1)
	m.counter.Inc()
	m.gauge.Inc()
	m.histogram.Observe(1)
	m.summary.Observe(1)
	m.done.Add(1)
}

// values returns the values in the process, which must be those on the page, by file.
func (m *disturbedMetrics) values(c *mpmetrics.Collector) (map[string]float64, error) {
	var own [4]dto.Metric
	for i, metric := range []any{m.counter, m.gauge, m.histogram, m.summary} {
		if err := metric.(prometheus.Metric).Write(&own[i]); err != nil {
			return nil, err
		}
	}
	h, s := own[2].GetHistogram(), own[3].GetSummary()
	want := map[string]float64{
		"disturbed_total{}":         own[0].GetCounter().GetValue(),
		"disturbed_level{}":         own[1].GetGauge().GetValue(),
		"disturbed_seconds_count{}": float64(h.GetSampleCount()),
		"disturbed_seconds_sum{}":   h.GetSampleSum(),
		"disturbed_size_count{}":    float64(s.GetSampleCount()),
		"disturbed_size_sum{}":      s.GetSampleSum(),
	}
	families, err := c.Gather()
	if err != nil {
		return nil, err
	}
	page := pageOf(families)
	for name, v := range want {
		if got, ok := page.Samples[name]; !ok || got != v {
			return nil, fmt.Errorf("%s is %v on the page (there: %v), want %v", name, got, ok, v)
		}
	}
	return want, nil
}

// removeAside removes the files that the writer has moved aside. The writer keeps at most ten non-empty directories per name.
func removeAside(dir string) (err error) {
	for _, pattern := range []string{".mpm.damaged*", ".mpm/*.damaged*"} {
		paths, failed := filepath.Glob(filepath.Join(dir, pattern))
		err = errors.Join(err, failed)
		for _, path := range paths {
			err = errors.Join(err, os.RemoveAll(path))
		}
	}
	return err
}

func disturbedChild(args []string) error {
	dir, id := args[0], args[1]
	rounds, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	look := func() error { return nil }
	if id == "master" {
		directory, err := mpmetrics.OpenDirectory(dir, log)
		if err != nil {
			return err
		}
		defer directory.Close()
		look = directory.Reopen
	}
	w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{Logger: log})
	if err != nil {
		return err
	}
	w.SetCheckInterval(1e6) // a millisecond, so that it checks while it updates
	m := &disturbedMetrics{
		counter:   mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "disturbed_total", Help: "Help."})),
		gauge:     mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "disturbed_level", Help: "Help."}, mpmetrics.ModeSum)),
		histogram: mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "disturbed_seconds", Help: "Help.", Buckets: []float64{1}})),
		summary:   mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "disturbed_size", Help: "Help."})),
	}
	pages := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer pages.Close()
	over := make(chan struct{})
	var updaters sync.WaitGroup
	for range 2 {
		updaters.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					m.update()
				}
			}
		})
	}
	all, files := disturbances(id), disturbedFiles(id)
	var before int64
	var last map[string]float64
	for i := range rounds {
		d := all[i%len(all)]
		if i >= len(all) {
			d = all[rand.N(len(all))]
		}
		if i%5 == 0 {
			if err := removeAside(dir); err != nil {
				return err
			}
		}
		file := slices.Sorted(maps.Keys(files))[rand.N(len(files))]
		if err := d.do(dir, file); err != nil {
			// The writer may have recreated the file in between.
			if !slices.ContainsFunc([]error{fs.ErrExist, fs.ErrNotExist, unix.ENOTEMPTY, unix.ENOTDIR}, func(usual error) bool {
				return errors.Is(err, usual)
			}) {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
		after := m.begun.Load()
		for m.done.Load() < after+20 {
			runtime.Gosched()
		}
		m.pause.Lock()
		if err := look(); err != nil {
			return fmt.Errorf("round %d, %s: %w", i, d.name, err)
		}
		w.Check()
		done := m.done.Load()
		now, err := m.values(pages)
		if err != nil {
			return fmt.Errorf("round %d, %s of %s: %w", i, d.name, file, err)
		}
		for name, v := range now {
			least, most := last[name]+float64(done-before), last[name]+float64(done-before)
			if d.clears && strings.HasPrefix(name, files[file]) {
				least = float64(done - after)
			}
			if v < least || v > most {
				return fmt.Errorf("round %d, %s of %s: %s is %v, want %v to %v", i, d.name, file, name, v, least, most)
			}
		}
		last, before = now, done
		m.pause.Unlock()
	}
	close(over)
	updaters.Wait()
	fmt.Printf("%d disturbances, %d updates\n", rounds, m.done.Load())
	return errors.Join(proctest.UntilStopped(), w.Close())
}

// TestLenientWriter: metrics whose directory cannot be used, or whose id is held, are in memory until that changes.
func TestLenientWriter(t *testing.T) {
	top := t.TempDir()
	var holder *mpmetrics.Writer
	for _, test := range []struct {
		name           string
		obstruct, mend func(dir string) error
	}{
		{
			"a dead link",
			func(dir string) error { return os.Symlink("/nowhere", dir) },
			os.Remove,
		},
		{
			"a file",
			func(dir string) error { return os.WriteFile(dir, nil, 0o600) },
			os.Remove,
		},
		{
			"an id that is held",
			func(dir string) (err error) {
				holder, err = mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
				return err
			},
			func(string) error { return holder.Close() },
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := filepath.Join(top, test.name)
			check(t, test.obstruct(dir))
			if w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}); err == nil {
				t.Errorf("a Writer that is not lenient was made, and %v on Close", w.Close())
			}
			log := &logged{}
			w := newWriterWith(t, dir, "w1", mpmetrics.WriterOptions{Lenient: true, Logger: log.logger()})
			c := newCounter(t, w, "jobs_total")
			c.Inc()
			for range 3 {
				w.Check()
			}
			c.Inc()
			if n := strings.Count(log.String(), keptLine); n != 1 {
				t.Errorf("%d times %q in the log, want once:\n%s", n, keptLine, log)
			}
			check(t, test.mend(dir))
			w.Check()
			c.Inc()
			checkSamples(t, map[string]float64{"jobs_total{}": 3, unshared: 0}, pageOfDir(t, dir))
		})
	}
	for _, id := range []string{"", "a_b"} {
		if w, err := mpmetrics.NewWriter(top, id, mpmetrics.WriterOptions{Lenient: true}); err == nil {
			t.Errorf("a Writer was made under the id %q, and %v on Close", id, w.Close())
		}
	}
}

// TestRecreatedSoon removes a file and looks for it again less than a second later: while it is missing, the sum of a counter is smaller.
func TestRecreatedSoon(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		w := newWriter(t, dir, "w1")
		newCounter(t, w, "jobs_total").Inc()
		check(t, os.Remove(filepath.Join(dir, "counter_w1.db")))
		time.Sleep(600 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		if got := pageOfDir(t, dir).Samples["jobs_total{}"]; got != 1 {
			t.Errorf("jobs_total is %v after 600 ms, want 1", got)
		}
	})
}
