package mpmetrics_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

func look(t *testing.T, dir string, opts mpmetrics.InspectorOptions) *mpmetrics.Inspection {
	t.Helper()
	i := mpmetrics.NewInspector(dir, opts)
	t.Cleanup(i.Close)
	in, err := i.Look()
	check(t, err)
	return in
}

func fileNamed(t *testing.T, in *mpmetrics.Inspection, name string) *mpmetrics.File {
	t.Helper()
	for _, f := range in.Files {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no file %s", name)
	return nil
}

// writeSome writes metrics of several types.
func writeSome(t *testing.T, w *mpmetrics.Writer) {
	t.Helper()
	c := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "seen_total", Help: "Help."}, []string{"what"}))
	c.WithLabelValues("a").Add(2)
	c.WithLabelValues("b\n").Inc()
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeMostRecent)).Set(7)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "each", Help: "Help."}, mpmetrics.ModeAll)).Set(5)
	h := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "took", Help: "Help.", Buckets: []float64{1, 2}}))
	h.Observe(.5)
	h.Observe(1.5)
	h.Observe(9)
}

func TestInspectFiles(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w10", "w2"} {
		w := newWriterWith(t, dir, id, mpmetrics.WriterOptions{Slot: 2, Generation: 3})
		writeSome(t, w)
	}
	put(t, filepath.Join(dir, "notes.db"), []byte("x"))
	put(t, filepath.Join(dir, "counter_w3.db"), append(metricFile(with(sharedKey, 4)), make([]byte, 100)...))
	cut := withUsed(metricFile(with(sharedKey, 4), with(ownKey, 8)), 1<<20)
	put(t, filepath.Join(dir, "counter_w4.db"), cut)
	in := look(t, dir, mpmetrics.InspectorOptions{})

	var order []string
	for _, f := range in.Files {
		if strings.HasPrefix(f.Name, "counter_") {
			order = append(order, f.Name)
		}
	}
	checkEqual(t, []string{"counter_w2.db", "counter_w3.db", "counter_w4.db", "counter_w10.db"}, order, "order")

	f := fileNamed(t, in, "histogram_w2.db")
	if f.Type != "histogram" || f.Mode != "" || f.Series != 1 || f.Entries != 4 || f.Layout != 16 || f.Size != 1<<16 ||
		f.Used <= 8 || f.Used >= f.Size || time.Since(f.Modified) > time.Hour || len(f.Faults) > 0 {
		t.Errorf("histogram: %+v", f)
	}
	if p := f.Process; p.ID != "w2" || p.Liveness != mpmetrics.Alive || p.PID != os.Getpid() || p.Slot != 2 || p.Generation != 3 ||
		time.Since(p.Start) > time.Hour || p.Program != os.Args[0] {
		t.Errorf("process: %+v", p)
	}
	if f := fileNamed(t, in, "gauge_mostrecent_w2.db"); f.Type != "gauge" || f.Mode != "mostrecent" {
		t.Errorf("gauge: %+v", f)
	}
	if f := fileNamed(t, in, "notes.db"); f.Type != "" || f.Process != nil || len(f.Faults) != 1 || f.Faults[0].Reason != mpmetrics.ReasonForeign {
		t.Errorf("foreign: %+v", f)
	}
	if f := fileNamed(t, in, "counter_w4.db"); len(f.Faults) != 1 || f.Faults[0].Reason != mpmetrics.ReasonDamaged || f.Entries != 2 || f.Used != 1<<20 {
		t.Errorf("damaged: %+v", f)
	}
	if p := fileNamed(t, in, "counter_w3.db").Process; p.ID != "w3" || p.Liveness != mpmetrics.LivenessUnknown || p.PID != 0 {
		t.Errorf("process of a file alone: %+v", p)
	}
}

func TestInspectEntries(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	writeSome(t, w)
	put(t, filepath.Join(dir, "counter_x.db"), metricFile(with(`["bad", "other", {}, ""]`, 1), with(sharedKey, 2)))
	in := look(t, dir, mpmetrics.InspectorOptions{})

	offset := 8
	var got []string
	for _, e := range fileNamed(t, in, "histogram_w1.db").AppendEntries(nil) {
		if e.Offset != offset {
			t.Errorf("%s at %d, want %d", e.Sample, e.Offset, offset)
		}
		key := fmt.Sprintf(`["took", %q, {}, "Help."]`, e.Sample.Name())
		if e.Sample.Name() == "took_bucket" {
			le := strings.TrimSuffix(strings.TrimPrefix(e.Sample.String(), `took_bucket{le="`), `"}`)
			key = fmt.Sprintf(`["took", "took_bucket", {"le": %q}, "Help."]`, le)
		}
		offset += len(with(key, 0))
		got = append(got, fmt.Sprintf("%s %v %v", e.Sample, e.Sample.Bound(), e.Value))
	}
	want := []string{"took_sum 0 11", `took_bucket{le="1.0"} 1 1`, `took_bucket{le="2.0"} 2 1`, `took_bucket{le="+Inf"} +Inf 1`}
	checkEqual(t, want, got, "entries")

	recent := fileNamed(t, in, "gauge_mostrecent_w1.db").AppendEntries(nil)
	if len(recent) != 1 || time.Since(recent[0].Time) > time.Hour || recent[0].Value != 7 {
		t.Errorf("most recent: %+v", recent)
	}
	counters := fileNamed(t, in, "counter_w1.db").AppendEntries(nil)
	if len(counters) != 2 || counters[1].Sample.String() != `seen_total{what="b\n"}` || counters[1].Sample.Label("what") != "b\n" ||
		counters[1].Sample.Label("none") != "" || !counters[1].Time.IsZero() {
		t.Errorf("counters: %v", counters)
	}
	bad := fileNamed(t, in, "counter_x.db").AppendEntries(nil)
	if len(bad) != 2 || bad[0].Sample.Err() == nil || bad[0].Sample.String() != `["bad", "other", {}, ""]` || bad[1].Sample.Err() != nil {
		t.Errorf("a bad key: %v", bad)
	}
}

// TestInspectTimes reads numbers that are no times.
func TestInspectTimes(t *testing.T) {
	dir := t.TempDir()
	times := []float64{0, -1, math.NaN(), math.Inf(1), 1e300, 1.5}
	var entries [][]byte
	for i, at := range times {
		e := with(fmt.Sprintf(`["g%d", "g%d", {}, ""]`, i, i), 1)
		entries = append(entries, withTime(e, at))
	}
	put(t, filepath.Join(dir, "gauge_mostrecent_1.db"), metricFile(entries...))
	got := fileNamed(t, look(t, dir, mpmetrics.InspectorOptions{}), "gauge_mostrecent_1.db").AppendEntries(nil)
	if len(got) != len(times) {
		t.Fatalf("%d entries, want %d", len(got), len(times))
	}
	for i, e := range got {
		want := time.Time{}
		if i == len(times)-1 {
			want = time.UnixMilli(1500)
		}
		if !e.Time.Equal(want) {
			t.Errorf("%v is %s, want %s", times[i], e.Time, want)
		}
	}
}

// TestInspectTruncated reads a file that is truncated after the Look.
func TestInspectTruncated(t *testing.T) {
	dir := t.TempDir()
	var entries [][]byte
	for i := range 2000 {
		entries = append(entries, with(fmt.Sprintf(`["c%d", "c%d_total", {}, ""]`, i, i), 1))
	}
	path := filepath.Join(dir, "counter_1.db")
	put(t, path, metricFile(entries...))
	in := look(t, dir, mpmetrics.InspectorOptions{})
	check(t, os.Truncate(path, 4096))
	f := fileNamed(t, in, "counter_1.db")
	if n := len(f.AppendEntries(nil)); n == 0 || n >= 2000 {
		t.Errorf("%d entries of a truncated file", n)
	}
	if rows := in.Compare([][]*mpmetrics.File{{f}}, nil); len(rows) != 2000 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestLookFails(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "none"), os.Args[0]} {
		i := mpmetrics.NewInspector(path, mpmetrics.InspectorOptions{})
		defer i.Close()
		if in, err := i.Look(); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, in, err)
		}
	}
}

// TestLookFollows looks repeatedly while the directory changes.
func TestLookFollows(t *testing.T) {
	dir := t.TempDir()
	i := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer i.Close()
	for n := range 5 {
		put(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", n)), metricFile(with(sharedKey, 1)))
		in, err := i.Look()
		check(t, err)
		rows := in.Compare(nil, nil)
		if len(in.Files) != n+1 || len(rows) != 1 || rows[0].Merged != float64(n+1) {
			t.Errorf("%d files, %v", len(in.Files), rows)
		}
	}
	check(t, os.RemoveAll(dir))
	if _, err := i.Look(); err == nil {
		t.Error("no error without the directory")
	}
	check(t, os.Mkdir(dir, 0o700))
	if in, err := i.Look(); err != nil || len(in.Files) != 0 {
		t.Errorf("%v, %v", in, err)
	}
}

// stamp has the state of a file that reading must not change.
type stamp struct {
	content      string
	mtime, ctime unix.Timespec
}

func stamps(t *testing.T, dir string) map[string]stamp {
	t.Helper()
	found := map[string]stamp{}
	check(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		s := stamp{mtime: st.Mtim, ctime: st.Ctim}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s.content = string(content)
		}
		found[path] = s
		return nil
	}))
	return found
}

func TestInspectChangesNothing(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	writeSome(t, w)
	put(t, filepath.Join(dir, "counter_damaged.db"), []byte("damaged"))
	check(t, os.Symlink("counter_w1.db", filepath.Join(dir, "counter_link.db")))
	before := stamps(t, dir)
	in := look(t, dir, mpmetrics.InspectorOptions{})
	var entries []mpmetrics.Entry
	for _, f := range in.Files {
		entries = f.AppendEntries(entries)
	}
	in.Compare([][]*mpmetrics.File{in.Files}, nil)
	if diff := cmp.Diff(before, stamps(t, dir), cmp.AllowUnexported(stamp{})); diff != "" {
		t.Errorf("reading has changed:\n%s", diff)
	}
}
