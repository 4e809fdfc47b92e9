package mpmetrics_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// writeSome writes metrics of each type.
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
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{Slot: 2, Generation: 3})
		check(t, err)
		t.Cleanup(func() { check(t, w.Close()) })
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
	if diff := cmp.Diff([]string{"counter_w2.db", "counter_w3.db", "counter_w4.db", "counter_w10.db"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}

	f := fileNamed(t, in, "histogram_w2.db")
	if f.Type != "histogram" || f.Mode != "" || f.Series != 1 || f.Entries != 4 || f.Layout != 16 || f.Size != 1<<16 ||
		f.Used <= 8 || f.Used >= f.Size || time.Since(f.Modified) > time.Hour || len(f.Faults) > 0 {
		t.Errorf("histogram: %+v", f)
	}
	if p := f.Process; p.ID != "w2" || p.Life != mpmetrics.Alive || p.PID != os.Getpid() || p.Slot != 2 || p.Generation != 3 ||
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
	if p := fileNamed(t, in, "counter_w3.db").Process; p.ID != "w3" || p.Life != mpmetrics.LifeUnknown || p.PID != 0 {
		t.Errorf("process of a file alone: %+v", p)
	}
}

func TestInspectEntries(t *testing.T) {
	dir := t.TempDir()
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	defer func() { check(t, w.Close()) }()
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
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}

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

// TestInspectTimes reads times that no clock gives.
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

// TestInspectCutShort reads a file that is cut short after it was looked at.
func TestInspectCutShort(t *testing.T) {
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
		t.Errorf("%d entries of a file that was cut short", n)
	}
	if rows := in.Compare([][]*mpmetrics.File{{f}}, nil); len(rows) != 2000 {
		t.Errorf("%d rows", len(rows))
	}
}

// TestLife finds out who lives: by the lock, by the process that has the file open, and not at all.
func TestLife(t *testing.T) {
	dir := t.TempDir()
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, w)
	dead, err := mpmetrics.NewWriter(dir, "w2", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, dead)
	check(t, dead.Close())

	// As prometheus_client does: named by its pid, and open for its life.
	python := filepath.Join(dir, "counter_new.db")
	put(t, python, metricFile(with(sharedKey, 1)))
	file, err := os.Open(python)
	check(t, err)
	defer file.Close()
	child := exec.CommandContext(t.Context(), "sleep", "1000")
	child.ExtraFiles = []*os.File{file}
	check(t, child.Start())
	check(t, os.Rename(python, filepath.Join(dir, fmt.Sprintf("counter_%d.db", child.Process.Pid))))
	// The pid of a process that knows nothing of the file, and one that nobody has.
	put(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", os.Getpid())), metricFile(with(ownKey, 1)))
	put(t, filepath.Join(dir, "counter_999999999.db"), metricFile(with(sharedKey, 1)))
	put(t, filepath.Join(dir, "counter_gunicorn.db"), metricFile(with(sharedKey, 1)))

	lives := func(dir string, noLocks bool) map[string]string {
		found := map[string]string{}
		for _, p := range look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks}).Processes {
			found[p.ID] = p.Life.String()
		}
		return found
	}
	childID, self := strconv.Itoa(child.Process.Pid), strconv.Itoa(os.Getpid())
	want := map[string]string{
		"w1": "alive", "w2": "dead", childID: "alive", self: "dead", "999999999": "dead", "gunicorn": "unknown",
	}
	for _, noLocks := range []bool{false, true} {
		if diff := cmp.Diff(want, lives(dir, noLocks)); diff != "" {
			t.Errorf("without locks: %v (-want +got):\n%s", noLocks, diff)
		}
	}
	check(t, child.Process.Kill())
	_ = child.Wait()
	want[childID] = "dead"
	if diff := cmp.Diff(want, lives(dir, false)); diff != "" {
		t.Errorf("a dead process (-want +got):\n%s", diff)
	}

	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(dir)))
	for id := range want {
		want[id] = "dead"
	}
	want["gunicorn"] = "unknown"
	for _, noLocks := range []bool{false, true} {
		if diff := cmp.Diff(want, lives(copied, noLocks)); diff != "" {
			t.Errorf("a copy, without locks: %v (-want +got):\n%s", noLocks, diff)
		}
	}
	check(t, w.Close())
}

// TestLifeElsewhere has a lock of a process in another pid namespace, where a pid means another process.
func TestLifeElsewhere(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 999999999, "pid_namespace": 1}`))
	put(t, filepath.Join(dir, ".mpm", "w2.lock"), []byte(`{"pid": 999999999, "pid_namespace": 0}`))
	for noLocks, want := range map[bool][]mpmetrics.Life{
		false: {mpmetrics.Dead, mpmetrics.Dead}, true: {mpmetrics.LifeUnknown, mpmetrics.Dead},
	} {
		for i, p := range look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks}).Processes {
			if p.Life != want[i] {
				t.Errorf("%s is %s, want %s, without locks: %v", p.ID, p.Life, want[i], noLocks)
			}
		}
	}
}

// TestNoLocks shows that with NoLocks nobody is asked for a lock, so that what the dead have left counts.
func TestNoLocks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "gauge_livesum_w1.db"), metricFile(with(`["g", "g", {}, ""]`, 3)))
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 1`)) // and no valid JSON
	for noLocks, want := range map[bool]int{false: 0, true: 1} {
		in := look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks})
		if rows := in.Compare(nil, nil); len(rows) != want {
			t.Errorf("without locks: %v: %v", noLocks, rows)
		}
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

// TestLookFollows looks again and again while the directory changes.
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

// stamp is what reading must not change.
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
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	defer func() { check(t, w.Close()) }()
	writeSome(t, w)
	put(t, filepath.Join(dir, "counter_damaged.db"), []byte("damaged"))
	check(t, os.Symlink("counter_w1.db", filepath.Join(dir, "counter_link.db")))
	before := stamps(t, dir)
	for _, noLocks := range []bool{false, true} {
		in := look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks})
		var entries []mpmetrics.Entry
		for _, f := range in.Files {
			entries = f.AppendEntries(entries)
		}
		in.Compare([][]*mpmetrics.File{in.Files}, nil)
	}
	if diff := cmp.Diff(before, stamps(t, dir), cmp.AllowUnexported(stamp{})); diff != "" {
		t.Errorf("reading has changed:\n%s", diff)
	}
}

// TestCompare holds the rows of each conformance directory against the page: the last column is the page, and what was
// counted is the sum of what each process counted.
func TestCompare(t *testing.T) {
	goldens, err := filepath.Glob("../testdata/conformance/*/*.prom")
	check(t, err)
	for _, golden := range goldens {
		dir := strings.TrimSuffix(golden, ".prom")
		in := look(t, dir, mpmetrics.InspectorOptions{})
		var columns [][]*mpmetrics.File
		for _, p := range in.Processes {
			var files []*mpmetrics.File
			for _, f := range in.Files {
				if f.Process == p {
					files = append(files, f)
				}
			}
			columns = append(columns, files)
		}
		want, got := lines(t, scrape(t, dir)), map[string]float64{}
		perProcess := 0
		for _, row := range in.Compare(columns, nil) {
			if !row.OnPage {
				perProcess += len(row.Parts)
				continue
			}
			got[row.Sample] = row.Merged
			sum := 0.0
			for _, part := range row.Parts {
				sum += part.Value
			}
			if row.Type != "gauge" && math.Abs(sum-row.Merged) > 1e-9*math.Abs(row.Merged) {
				t.Errorf("%s: %s: the columns have %v, the page %v", dir, row.Sample, sum, row.Merged)
			}
			if !strings.HasPrefix(row.Sample, row.Name) && !strings.HasPrefix(row.Sample, `{"`) {
				t.Errorf("%s: %s has the name %s", dir, row.Sample, row.Name)
			}
		}
		for sample := range want {
			if strings.Contains(sample, `pid="`) {
				delete(want, sample)
				perProcess--
			}
		}
		if diff := cmp.Diff(want, got, equateNaN); diff != "" || perProcess != 0 {
			t.Errorf("%s: %d values per process too many (-page +merged):\n%s", dir, perProcess, diff)
		}
	}
}

// lines are the samples of a page with their values.
func lines(t *testing.T, page []byte) map[string]float64 {
	t.Helper()
	found := map[string]float64{}
	for line := range strings.Lines(string(page)) {
		if at := strings.LastIndexByte(line, ' '); line[0] != '#' {
			value, err := strconv.ParseFloat(line[at+1:len(line)-1], 64)
			check(t, err)
			found[line[:at]] = value
		}
	}
	return found
}

func TestCompareWanted(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w1", "w2"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		check(t, err)
		defer func() { check(t, w.Close()) }()
		writeSome(t, w)
	}
	in := look(t, dir, mpmetrics.InspectorOptions{})
	columns := [][]*mpmetrics.File{
		{fileNamed(t, in, "histogram_w1.db"), fileNamed(t, in, "gauge_all_w1.db")},
		{fileNamed(t, in, "histogram_w2.db"), fileNamed(t, in, "counter_w2.db"), fileNamed(t, in, "gauge_all_w2.db")},
	}
	f := func(wanted string, want ...string) {
		t.Helper()
		var got []string
		for range 2 { // what a column left would be in the next
			got = nil
			for _, row := range in.Compare(columns, func(name, _ string) bool { return name == wanted }) {
				line := fmt.Sprintf("%s %v %v", row.Sample, row.OnPage, row.Merged)
				for _, p := range row.Parts {
					line += fmt.Sprintf(" %d:%v", p.Column, p.Value)
				}
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", wanted, diff)
		}
	}
	f("took_count", "took_count true 6 0:3 1:3")
	f("took_bucket", `took_bucket{le="1.0"} true 2 0:1 1:1`, `took_bucket{le="2.0"} true 4 0:2 1:2`, `took_bucket{le="+Inf"} true 6 0:3 1:3`)
	f("took_sum", "took_sum true 22 0:11 1:11")
	f("seen_total", `seen_total{what="a"} true 4 1:2`, `seen_total{what="b\n"} true 2 1:1`)
	f("each", "each false 0 0:5 1:5")
	f("none")
}

// TestCompareBounds has columns whose histograms have other bounds: none is in the other's column with its count.
func TestCompareBounds(t *testing.T) {
	dir := t.TempDir()
	bucket := func(le string, n float64) []byte {
		return with(fmt.Sprintf(`["h", "h_bucket", {"le": %q}, ""]`, le), n)
	}
	put(t, filepath.Join(dir, "histogram_1.db"), metricFile(bucket("1.0", 5), bucket("+Inf", 1)))
	put(t, filepath.Join(dir, "histogram_2.db"), metricFile(bucket("2.0", 3), bucket("+Inf", 1)))
	in := look(t, dir, mpmetrics.InspectorOptions{})
	want := map[string][]float64{
		`h_bucket{le="1.0"}`: {5, 0, 5, 5}, `h_bucket{le="2.0"}`: {5, 3, 5, 8}, `h_bucket{le="+Inf"}`: {6, 4, 6, 10},
		"h_sum": {0, 0, 0, 0}, "h_count": {6, 4, 6, 10},
	}
	got := map[string][]float64{}
	for _, row := range in.Compare([][]*mpmetrics.File{in.Files[:1], in.Files[1:], in.Files[:1]}, nil) {
		for _, p := range row.Parts {
			got[row.Sample] = append(got[row.Sample], p.Value)
		}
		got[row.Sample] = append(got[row.Sample], row.Merged)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	d, err := mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, d.Wipe())
	if note := look(t, dir, mpmetrics.InspectorOptions{}).Note; note != nil {
		t.Errorf("note %q", note)
	}
	for _, note := range []string{"first", "", strings.Repeat("x", 1<<20)} {
		check(t, d.Leave([]byte(note)))
		if got := look(t, dir, mpmetrics.InspectorOptions{}).Note; string(got) != note {
			t.Errorf("note %.10q, want %.10q", got, note)
		}
	}
	if err := d.Leave(make([]byte, 1<<20+1)); err == nil {
		t.Error("a note of more than 1 MiB is left")
	}
	put(t, filepath.Join(dir, ".mpm", "master.note"), make([]byte, 1<<20+1))
	if note := look(t, dir, mpmetrics.InspectorOptions{}).Note; note != nil {
		t.Errorf("%d bytes are read as a note", len(note))
	}
	check(t, d.Close())
	d, err = mpmetrics.OpenDirectory(dir, nil)
	check(t, err)
	check(t, d.Wipe())
	if got := names(t, dir); len(got) > 0 {
		t.Errorf("left by the wipe: %v", got)
	}
	check(t, d.Close())
}
