package mpmetrics_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"golang.org/x/sys/unix"

	"multiproc/mpmetrics"
)

// Keys of handmade files.
const (
	sharedKey = `["shared", "shared_total", {}, "Help."]`
	ownKey    = `["own", "own_total", {"path": "/"}, "Help."]`
	afterKey  = `["after", "after_total", {}, "Help."]`
)

// The page of two healthy files, and the samples that the entries of sharedKey and ownKey add to it.
var (
	healthy = map[string]float64{
		"shared_total{}": 1 + 2,
		`duration_sum{}`: 7, `duration_count{}`: 5, `duration_bucket{le="1"}`: 2, `duration_bucket{le="+Inf"}`: 5,
	}
	withShared = map[string]float64{"shared_total{}": 1 + 2 + 4}
	withBoth   = map[string]float64{"shared_total{}": 1 + 2 + 4, `own_total{path="/"}`: 8}
)

// writeHealthy writes files that are read before and after all others of a test.
func writeHealthy(t *testing.T, dir string) {
	t.Helper()
	put(t, filepath.Join(dir, "counter_0.db"), metricFile(with(sharedKey, 1)))
	put(t, filepath.Join(dir, "counter_z.db"), metricFile(with(sharedKey, 2)))
	put(t, filepath.Join(dir, "histogram_0.db"), metricFile(
		with(`["duration", "duration_sum", {}, "Help."]`, 7),
		with(`["duration", "duration_bucket", {"le": "1.0"}, "Help."]`, 2),
		with(`["duration", "duration_bucket", {"le": "+Inf"}, "Help."]`, 3)))
}

// TestFaultyFile scrapes directories with one file of which nothing, or only a part, can be used.
func TestFaultyFile(t *testing.T) {
	const counterFile = "counter_1.db"
	good := metricFile(with(sharedKey, 4), with(ownKey, 8))
	end := len(good)
	type entries = []byte
	for _, test := range []struct {
		name    string
		file    string // counterFile if it is empty
		content []byte
		reason  mpmetrics.Reason   // none if it is empty
		more    map[string]float64 // samples besides the healthy files'
	}{
		{name: "nothing wrong", content: good, more: withBoth},
		{name: "room after the entries", content: append(metricFile(with(sharedKey, 4)), make([]byte, 5000)...), more: withShared},
		{name: "0 bytes", content: entries{}, reason: mpmetrics.ReasonEmpty},
		{name: "zeros only", content: make([]byte, 1<<16), reason: mpmetrics.ReasonEmpty},
		{name: "fewer bytes than a header", content: good[:7], reason: mpmetrics.ReasonDamaged},
		{name: "a header only", content: metricFile()},

		{name: "used too large", content: withUsed(good, end+8), reason: mpmetrics.ReasonDamaged, more: withBoth},
		{name: "used as large as can be", content: withUsed(good, math.MaxInt32), reason: mpmetrics.ReasonDamaged, more: withBoth},
		{name: "used negative", content: withUsed(good, -1), reason: mpmetrics.ReasonDamaged},
		{name: "used as small as can be", content: withUsed(good, math.MinInt32), reason: mpmetrics.ReasonDamaged},
		{name: "used in the header", content: withUsed(good, 3), reason: mpmetrics.ReasonDamaged},
		{name: "used in an entry", content: withUsed(good, end-4), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "used in a key's length", content: withUsed(good, 8+len(with(sharedKey, 4))+2), reason: mpmetrics.ReasonDamaged, more: withShared},

		{name: "key length negative", content: metricFile(with(sharedKey, 4), withLength(with(ownKey, 8), -1), with(afterKey, 9)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "key length 0", content: metricFile(with(sharedKey, 4), withLength(with(ownKey, 8), 0), with(afterKey, 9)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "key length as large as can be", content: metricFile(with(sharedKey, 4), withLength(with(ownKey, 8), math.MaxInt32), with(afterKey, 9)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "key length past the end", content: metricFile(with(sharedKey, 4), withLength(with(ownKey, 8), 60)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "key length 1 too small", content: metricFile(with(sharedKey, 4), withLength(with(ownKey, 8), len(ownKey)-1)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "padding is not spaces", content: metricFile(with(sharedKey, 4), bytes.Replace(with(ownKey, 8), []byte("] "), []byte("]\x00"), 1)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "not a key", content: metricFile(with(sharedKey, 4), with(`{"own": "own_total"}`, 8)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "a key without its end", content: metricFile(with(sharedKey, 4), with(strings.TrimSuffix(ownKey, "]"), 8), with(afterKey, 9)), reason: mpmetrics.ReasonDamaged, more: withShared},
		{name: "16 value bytes, then 8", content: metricFile(with(sharedKey, 4), with(ownKey, 8)[:len(with(ownKey, 8))-8], with(afterKey, 9)), reason: mpmetrics.ReasonDamaged, more: withBoth},
		{name: "SQLite in a metric file's name", content: sqlite, reason: mpmetrics.ReasonDamaged},

		{name: "key is not JSON", content: around(`["own", "own_total", nonsense]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "key is of three strings", content: around(`["own", "own_total", "x"]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "a histogram's sample among counters", content: around(`["x", "x_bucket", {"le": "1.0"}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "sample of another family", content: around(`["x", "y_total", {}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "empty family name", content: around(`["", "_total", {}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "sample without its family", content: around(`["x", "_total", {}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "NUL in a name", content: around(`["x\u0000", "x\u0000_total", {}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "NUL in a label's name", content: around(`["x", "x_total", {"l\u0000": "y"}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{name: "label __name__", content: around(`["x", "x_total", {"__name__": "y"}, ""]`), reason: mpmetrics.ReasonKey, more: withBoth},
		{
			name: "empty label name", file: "gauge_max_1.db",
			content: metricFile(with(`["g", "g", {"": "1"}, ""]`, 9), with(`["g", "g", {}, ""]`, 5)),
			reason:  mpmetrics.ReasonKey, more: map[string]float64{"g{}": 5},
		},
		{
			name: "bucket without le", file: "histogram_1.db",
			content: metricFile(with(`["duration", "duration_bucket", {}, "Help."]`, 9)), reason: mpmetrics.ReasonKey,
		},
		{
			name: "le is not a number", file: "histogram_1.db",
			content: metricFile(with(`["duration", "duration_bucket", {"le": "high"}, "Help."]`, 9)), reason: mpmetrics.ReasonKey,
		},
		{
			name: "le is NaN", file: "histogram_1.db",
			content: metricFile(with(`["duration", "duration_bucket", {"le": "NaN"}, "Help."]`, 9)), reason: mpmetrics.ReasonKey,
		},
		{
			name: "quantile of a summary", file: "summary_1.db",
			content: metricFile(with(`["s", "s_sum", {"quantile": "0.5"}, "Help."]`, 9)), reason: mpmetrics.ReasonKey,
		},
		{
			name:    "a key of 64 KiB",
			content: metricFile(with(sharedKey, 4), with(`["own", "own_total", {"path": "`+strings.Repeat("x", 1<<16)+`"}, "Help."]`, 8)),
			more:    map[string]float64{"shared_total{}": 7, `own_total{path="` + strings.Repeat("x", 1<<16) + `"}`: 8},
		},

		{
			name: "a histogram of GitLab's", file: "histogram_4711-0.db", reason: mpmetrics.ReasonDialect,
			content: metricFile(with8(`["duration","duration_sum",[],[]]`, 0.5), with8(`["duration","duration_count",[],[]]`, 1),
				with8(`["duration","duration_bucket",["le"],["+Inf"]]`, 1), with8(`["duration","duration_bucket",["le"],["1"]]`, 1)),
		},
		{
			name: "a counter of GitLab's", file: "counter_4711-0.db", reason: mpmetrics.ReasonDialect,
			content: metricFile(with8(`["shared","shared",["code","ok","none"],[200,true,null]]`, 1)),
		},
		{
			name: "a gauge of GitLab's", file: "gauge_all_4711-0.db", reason: mpmetrics.ReasonDialect,
			content: metricFile(with8(`["g","g",["le"],["x"]]`, 1), with8(`["g","g",[],[]]`, 1)),
		},
		{
			name: "a key of GitLab's among others", reason: mpmetrics.ReasonDialect,
			content: metricFile(with8(sharedKey, 4), with8(`["x", "y_total", {}]`, 1), with8(`["own","own",[],[]]`, 8)),
		},
		{
			name: "labels as prometheus_client once wrote them", file: "histogram_4711-0.db",
			content: metricFile(with8(`["duration", "duration_bucket", ["le"], ["+Inf"]]`, 3), with8(`["duration", "duration_sum", [], []]`, 1)),
			more:    map[string]float64{`duration_sum{}`: 8, `duration_count{}`: 8, `duration_bucket{le="+Inf"}`: 8},
		},

		{name: "SQLite", file: "x.db", content: sqlite, reason: mpmetrics.ReasonForeign},
		{name: "unknown mode", file: "gauge_median_1.db", content: good, reason: mpmetrics.ReasonForeign},
		{name: "unknown type", file: "untyped_1.db", content: good, reason: mpmetrics.ReasonForeign},
		{name: "no id", file: "counter_.db", content: good, reason: mpmetrics.ReasonForeign},
		{name: "not in .db", file: "counter_1.db.bak", content: sqlite},

		{
			name: "another type", file: "gauge_sum_1.db",
			content: metricFile(with(`["shared_total", "shared_total", {}, "Help."]`, 9), with(`["g", "g", {}, ""]`, 5)),
			reason:  mpmetrics.ReasonConflict, more: map[string]float64{"g{}": 5},
		},
		{
			name: "the gauge of faults itself", file: "gauge_max_1.db",
			content: metricFile(with(`["multiproc_metric_files_faulty", "multiproc_metric_files_faulty", {"reason": "empty"}, ""]`, 99)),
			reason:  mpmetrics.ReasonConflict,
		},
		// The first file's text holds. Another text is no fault: a deployment may change it.
		{name: "another HELP", content: metricFile(with(strings.Replace(sharedKey, "Help.", "Aid.", 1), 4)), more: withShared},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeHealthy(t, dir)
			if test.file == "" {
				test.file = counterFile
			}
			put(t, filepath.Join(dir, test.file), test.content)
			age(t, filepath.Join(dir, test.file))
			c := newWatched(t, dir)
			for range 3 {
				c.wantPage(t, test.reason, 1, healthy, test.more)
			}
			c.wantLogged(t, test.reason, test.file)
			if got := c.page(t).Families["shared_total"]; got != "COUNTER Help." {
				t.Errorf("shared_total is %q", got)
			}
		})
	}
}

// TestFaultsOfOneReason counts files, not faults.
func TestFaultsOfOneReason(t *testing.T) {
	dir := t.TempDir()
	writeHealthy(t, dir)
	bad := `["x", "y_total", {}, ""]`
	put(t, filepath.Join(dir, "counter_1.db"), metricFile(with(bad, 1), with(strings.Replace(bad, "{}", `{"a": "b"}`, 1), 1)))
	put(t, filepath.Join(dir, "counter_2.db"), metricFile(with(bad, 1)))
	put(t, filepath.Join(dir, "summary_1.db"), metricFile(
		with(`["shared_total", "shared_total_sum", {}, ""]`, 9), with(`["duration", "duration_sum", {}, ""]`, 9)))
	c := newWatched(t, dir)
	c.wantPage(t, mpmetrics.ReasonKey, 2, healthy, map[string]float64{`multiproc_metric_files_faulty{reason="conflict"}`: 1})
	if got := len(c.log.records(t)); got != 3 {
		t.Errorf("%d lines in the log, want one for each file: %s", got, c.log)
	}
}

// TestYoungEmptyFile: a file without content may just be being created.
func TestYoungEmptyFile(t *testing.T) {
	for name, content := range map[string][]byte{"0 bytes": {}, "half a header": {8, 0, 0, 0}, "zeros only": make([]byte, 1<<16)} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeHealthy(t, dir)
			path := filepath.Join(dir, "counter_1.db")
			put(t, path, content)
			c := newWatched(t, dir)
			c.wantPage(t, "", 0, healthy)
			c.wantLogged(t, "", "")
			check(t, inPlace(path, metricFile(with(sharedKey, 4))))
			c.wantPage(t, "", 0, healthy, withShared)
		})
	}
}

// TestConflictOfAlikeFiles: each conflicting file counts, also if they share a table.
func TestConflictOfAlikeFiles(t *testing.T) {
	dir := t.TempDir()
	content := metricFile(with(`["g", "g", {}, ""]`, 9))
	for _, name := range []string{"gauge_all_1.db", "gauge_max_1.db", "gauge_max_2.db", "gauge_max_3.db"} {
		put(t, filepath.Join(dir, name), content)
	}
	newWatched(t, dir).wantPage(t, mpmetrics.ReasonConflict, 3, map[string]float64{`g{pid="1"}`: 9})
	faults, err := mpmetrics.Verify(dir)
	check(t, err)
	if len(faults) != 3 || faults[2].File != "gauge_max_3.db" {
		t.Errorf("faults: %v", faults)
	}
}

// TestCounterBesideGauge: in OpenMetrics, a counter without _total would be the gauge's family. In text there is no conflict.
func TestCounterBesideGauge(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "counter_1.db"), metricFile(with(`["x", "x_total", {}, ""]`, 1)))
	put(t, filepath.Join(dir, "gauge_max_1.db"), metricFile(with(`["x", "x", {}, ""]`, 2)))
	newWatched(t, dir).wantPage(t, "", 0, map[string]float64{"x{}": 2, "x_total{}": 1})
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer c.Close()
	var got bytes.Buffer
	check(t, c.Write(&got, expfmt.FmtOpenMetrics_1_0_0))
	want := "# HELP x \n# TYPE x gauge\nx 2.0\n# HELP x_total \n# TYPE x_total unknown\nx_total 1.0\n# EOF\n"
	if got.String() != want {
		t.Errorf("OpenMetrics:\n%swant:\n%s", &got, want)
	}
}

// TestConflictOfNames: a histogram cannot be on the page beside a gauge that has the name of one of its samples.
func TestConflictOfNames(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "gauge_max_1.db"), metricFile(with(`["duration_sum", "duration_sum", {}, ""]`, 9)))
	put(t, filepath.Join(dir, "histogram_1.db"), metricFile(
		with(`["duration", "duration_sum", {}, ""]`, 7),
		with(`["duration", "duration_bucket", {"le": "+Inf"}, ""]`, 3),
		with(`["other", "other_sum", {}, ""]`, 1),
		with(`["other", "other_bucket", {"le": "+Inf"}, ""]`, 2)))
	c := newWatched(t, dir)
	c.wantPage(t, mpmetrics.ReasonConflict, 1, map[string]float64{
		"duration_sum{}": 9, "other_sum{}": 1, "other_count{}": 2, `other_bucket{le="+Inf"}`: 2,
	})
	c.wantLogged(t, mpmetrics.ReasonConflict, "histogram_1.db")
}

// TestConflictOfModes: the first file's mode holds, in the order of the files' names.
func TestConflictOfModes(t *testing.T) {
	dir := t.TempDir()
	writeHealthy(t, dir)
	put(t, filepath.Join(dir, "gauge_max_1.db"), metricFile(with(`["g", "g", {}, ""]`, 5)))
	put(t, filepath.Join(dir, "gauge_max_2.db"), metricFile(with(`["g", "g", {}, ""]`, 6)))
	put(t, filepath.Join(dir, "gauge_min_1.db"), metricFile(with(`["g", "g", {}, ""]`, 1), with(`["h", "h", {}, ""]`, 2)))
	c := newWatched(t, dir)
	for range 3 {
		c.wantPage(t, mpmetrics.ReasonConflict, 1, healthy, map[string]float64{"g{}": 6, "h{}": 2})
	}
	c.wantLogged(t, mpmetrics.ReasonConflict, "gauge_min_1.db")
}

// TestSpecialFile has something other than a regular file under a metric file's name. The scrape must not wait for it.
func TestSpecialFile(t *testing.T) {
	other := filepath.Join(t.TempDir(), "counter_1.db")
	put(t, other, metricFile(with(sharedKey, 4)))
	for _, test := range []struct {
		name string
		make func(path string) error
	}{
		{"directory", func(path string) error { return os.Mkdir(path, 0o700) }},
		{"symbolic link to a metric file", func(path string) error { return os.Symlink(other, path) }},
		{"symbolic link to nothing", func(path string) error { return os.Symlink("nothing", path) }},
		{"FIFO", func(path string) error { return unix.Mkfifo(path, 0o600) }},
		{"socket", func(path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o600, 0) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeHealthy(t, dir)
			path := filepath.Join(dir, "counter_1.db")
			check(t, test.make(path))
			c := newWatched(t, dir)
			for range 3 {
				c.wantPage(t, mpmetrics.ReasonForeign, 1, healthy)
			}
			c.wantLogged(t, mpmetrics.ReasonForeign, "counter_1.db")

			// A metric file in its place counts, even if the file system gives it the same inode.
			check(t, os.Remove(path))
			put(t, path, metricFile(with(sharedKey, 4)))
			c.wantPage(t, "", 0, healthy, withShared)
		})
	}
}

func TestUnreadableFile(t *testing.T) {
	dir := t.TempDir()
	writeHealthy(t, dir)
	path := filepath.Join(dir, "counter_1.db")
	put(t, path, metricFile(with(sharedKey, 4)))
	check(t, os.Chmod(path, 0))
	check(t, os.Chmod(filepath.Dir(dir), 0o755)) // otherwise the directory could not be reached either
	c := newWatched(t, dir)
	for range 3 {
		var text bytes.Buffer
		asUser(t, 12345, func() error { return c.Write(&text, expfmt.FmtText) })
		want := samples(mpmetrics.ReasonUnreadable, 1, healthy)
		if diff := cmp.Diff(want, parsePage(t, text.Bytes()).Samples); diff != "" {
			t.Fatalf("samples (-want +got):\n%s", diff)
		}
	}
	c.wantLogged(t, mpmetrics.ReasonUnreadable, "counter_1.db")
}

// asUser calls f with the file permissions of a user. Only root needs that, since no mode restricts it.
func asUser(t *testing.T, uid int, f func() error) {
	t.Helper()
	if os.Geteuid() != 0 {
		check(t, f())
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends with the goroutine
		_, _ = unix.SetfsuidRetUid(uid)
		if now, _ := unix.SetfsuidRetUid(-1); now != uid {
			done <- fmt.Errorf("still user %d", now)
			return
		}
		done <- f()
	}()
	check(t, <-done)
}

// TestTruncatedUnderReader truncates a file that the Collector has mapped.
func TestTruncatedUnderReader(t *testing.T) {
	const series = 300
	entry := func(i int) []byte { return with(fmt.Sprintf(`["many", "many_total", {"i": "%03d"}, ""]`, i), 1) }
	end := 8 + int64(series*len(entry(0)))
	for _, size := range []int64{0, 4, 4096, end - 17, end - 100} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := t.TempDir()
			writeHealthy(t, dir)
			path := filepath.Join(dir, "counter_1.db")
			var entries [][]byte
			all, left := map[string]float64{}, map[string]float64{}
			at := int64(8)
			for i := range series {
				e := entry(i)
				entries = append(entries, e)
				sample := fmt.Sprintf(`many_total{i="%03d"}`, i)
				all[sample] = 1
				if at += int64(len(e)); at <= size {
					left[sample] = 1
				}
			}
			put(t, path, append(metricFile(entries...), make([]byte, 1<<15)...))
			c := newWatched(t, dir)
			c.wantPage(t, "", 0, healthy, all)

			check(t, os.Truncate(path, size))
			age(t, path)
			reason := mpmetrics.ReasonDamaged
			if size == 0 {
				reason = mpmetrics.ReasonEmpty
			}
			for range 3 {
				c.wantPage(t, reason, 1, healthy, left)
			}
			c.wantLogged(t, reason, "counter_1.db")

			check(t, os.Remove(path))
			put(t, path, metricFile(entries...))
			c.wantPage(t, "", 0, healthy, all)
		})
	}
}

// TestFileChangesBetweenScrapes: nothing that the Collector keeps of a file may outlive it.
func TestFileChangesBetweenScrapes(t *testing.T) {
	fresh := metricFile(with(ownKey, 6), with(afterKey, 7))
	ofFresh := map[string]float64{`own_total{path="/"}`: 6, "after_total{}": 7}
	long := strings.Repeat("x", 1<<16)
	for _, test := range []struct {
		name   string
		change func(path string) error
		more   map[string]float64
	}{
		{"values", func(path string) error {
			return inPlace(path, metricFile(with(sharedKey, 4), with(ownKey, 8)))
		}, withBoth},
		{"deleted", os.Remove, nil},
		{"deleted and made again", func(path string) error {
			return errors.Join(os.Remove(path), os.WriteFile(path, fresh, 0o644))
		}, ofFresh},
		{"replaced", func(path string) error {
			return errors.Join(os.WriteFile(path+".new", fresh, 0o644), os.Rename(path+".new", path))
		}, ofFresh},
		{"another file's name", func(path string) error {
			return os.Rename(path, filepath.Join(filepath.Dir(path), "counter_2.db"))
		}, map[string]float64{"shared_total{}": 1 + 2 + 3, `own_total{path="/"}`: 5}},
		{"restarted in place", func(path string) error {
			return inPlace(path, metricFile(with(afterKey, 7)))
		}, map[string]float64{"after_total{}": 7}},
		{"an entry more", func(path string) error {
			return inPlace(path, metricFile(with(sharedKey, 4), with(ownKey, 8), with(afterKey, 9)))
		}, map[string]float64{"shared_total{}": 7, `own_total{path="/"}`: 8, "after_total{}": 9}},
		{"grown past its mapping", func(path string) error {
			return inPlace(path, metricFile(with(sharedKey, 4), with(ownKey, 8),
				with(strings.Replace(ownKey, "/", long, 1), 5), with(afterKey, 9)))
		}, map[string]float64{
			"shared_total{}": 7, `own_total{path="/"}`: 8, "after_total{}": 9, `own_total{path="` + long + `"}`: 5,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			writeHealthy(t, dir)
			path := filepath.Join(dir, "counter_1.db")
			put(t, path, append(metricFile(with(sharedKey, 3), with(ownKey, 5)), make([]byte, 4096)...))
			c := newWatched(t, dir)
			c.wantPage(t, "", 0, healthy, map[string]float64{"shared_total{}": 1 + 2 + 3, `own_total{path="/"}`: 5})
			check(t, test.change(path))
			c.wantPage(t, "", 0, healthy, test.more)
			c.wantPage(t, "", 0, healthy, test.more)
			c.wantLogged(t, "", "")
		})
	}
}

// TestDirectoryChangesBetweenScrapes: the Collector follows the path, which may lead nowhere.
func TestDirectoryChangesBetweenScrapes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	c := newWatched(t, dir)
	for range 3 {
		c.wantPage(t, mpmetrics.ReasonDirectory, 1)
	}
	c.wantLogged(t, mpmetrics.ReasonDirectory, "")

	check(t, os.Mkdir(dir, 0o700))
	c.wantPage(t, "", 0)
	writeHealthy(t, dir)
	c.wantPage(t, "", 0, healthy)

	check(t, os.RemoveAll(dir))
	c.wantPage(t, mpmetrics.ReasonDirectory, 1)
	c.wantLogged(t, mpmetrics.ReasonDirectory, "")

	check(t, os.Mkdir(dir, 0o700))
	put(t, filepath.Join(dir, "counter_0.db"), metricFile(with(ownKey, 9)))
	c.wantPage(t, "", 0, map[string]float64{`own_total{path="/"}`: 9})

	check(t, os.Rename(dir, dir+".old"))
	check(t, os.Mkdir(dir, 0o700))
	writeHealthy(t, dir)
	c.wantPage(t, "", 0, healthy)

	check(t, os.RemoveAll(dir))
	put(t, dir, nil) // a file
	c.wantPage(t, mpmetrics.ReasonDirectory, 1)
	c.wantLogged(t, mpmetrics.ReasonDirectory, "")
}

// watched is a Collector with its log.
type watched struct {
	*mpmetrics.Collector
	log *logged
}

func newWatched(t *testing.T, dir string) watched {
	t.Helper()
	log := &logged{}
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Logger: log.logger()})
	t.Cleanup(c.Close)
	return watched{c, log}
}

func (c watched) page(t *testing.T) page {
	t.Helper()
	return parsePage(t, scrapeWith(t, c.Collector))
}

// wantPage checks that the page has these samples, of which later ones replace earlier ones, and n files with a fault.
func (c watched) wantPage(t *testing.T, reason mpmetrics.Reason, n float64, want ...map[string]float64) {
	t.Helper()
	if diff := cmp.Diff(samples(reason, n, want...), c.page(t).Samples); diff != "" {
		t.Fatalf("samples (-want +got):\n%s", diff)
	}
}

func samples(reason mpmetrics.Reason, n float64, of ...map[string]float64) map[string]float64 {
	all := map[string]float64{}
	for _, more := range of {
		maps.Copy(all, more)
	}
	if reason != "" {
		all[fmt.Sprintf("multiproc_metric_files_faulty{reason=%q}", reason)] = n
	}
	return all
}

// wantLogged checks that the log has one line since the last call, about a file with a fault, or none if there is no reason.
func (c watched) wantLogged(t *testing.T, reason mpmetrics.Reason, file string) {
	t.Helper()
	type line struct{ Level, Reason, File string }
	var want, got []line
	if reason != "" {
		want = []line{{"WARN", string(reason), file}}
	}
	for _, r := range c.log.records(t) {
		got = append(got, line{fmt.Sprint(r["level"]), fmt.Sprint(r["reason"]), fmt.Sprint(r["file"])})
	}
	checkEqual(t, want, got, "log")
	c.log.Reset()
}

// inPlace writes to a file as its process does: the header last, and without truncating it.
func inPlace(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err1 := f.WriteAt(content[8:], 8)
	_, err2 := f.WriteAt(content[:8], 0)
	return errors.Join(err1, err2, f.Close())
}

// age makes a file an old one, which is not just being created.
func age(t *testing.T, path string) {
	t.Helper()
	hour := time.Now().Add(-time.Hour)
	check(t, os.Chtimes(path, hour, hour))
}
