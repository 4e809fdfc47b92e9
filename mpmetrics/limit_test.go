package mpmetrics_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestTooManyFiles has files come and go around the maximum. The first by name are read, the others counted, and all that is logged
// is one line.
func TestTooManyFiles(t *testing.T) {
	const most = 7
	dir := t.TempDir()
	c := newWatched(t, dir)
	c.SetMaxFiles(most)
	there := map[int]bool{}
	path := func(i int) string { return filepath.Join(dir, fmt.Sprintf("counter_%02d.db", i)) }
	tooMany := false
	for range proctest.Rounds(50, 500) {
		for range rand.N(20) {
			i := rand.N(50)
			if there[i] = !there[i]; there[i] {
				put(t, path(i), metricFile(with(sharedKey, float64(int(1)<<i))))
			} else {
				check(t, os.Remove(path(i)))
			}
		}
		want, n := 0.0, 0
		for i := range 50 {
			if there[i] {
				if n++; n <= most {
					want += float64(int(1) << i)
				}
			}
		}
		samples := map[string]float64{}
		if n > 0 {
			samples["shared_total{}"] = want
		}
		if n <= most {
			c.wantPage(t, "", 0, samples)
		} else {
			c.wantPage(t, mpmetrics.ReasonLimit, float64(n-most), samples)
		}
		lines := 0
		if n > most && !tooMany {
			lines = 1
		}
		tooMany = n > most
		if got := len(c.log.records(t)); got != lines {
			t.Fatalf("%d lines, want %d:\n%s", got, lines, c.log)
		}
		c.log.Reset()
	}
}

// TestFaultsAreFewLines has many faulty files. All are counted, but only some are logged by name.
func TestFaultsAreFewLines(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		put(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", i)), []byte("damaged"))
		put(t, filepath.Join(dir, fmt.Sprintf("%d.db", i)), nil)
		age(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", i)))
	}
	c := newWatched(t, dir)
	for range 2 {
		c.wantPage(t, mpmetrics.ReasonDamaged, 100, map[string]float64{`multiproc_metric_files_faulty{reason="foreign"}`: 100})
	}
	records := c.log.records(t)
	last := records[len(records)-1]
	if len(records) != 22 || last["msg"] != "more faulty metric files" || last["files"] != 90.0 {
		t.Errorf("%d lines, the last one %v", len(records), last)
	}
}

// TestManyFiles has more files than are read, most of them names of a few.
func TestManyFiles(t *testing.T) {
	proctest.Long(t)
	const read, more = 1 << 15, 20000
	dir := t.TempDir()
	first := filepath.Join(dir, "counter_000000.db")
	put(t, first, metricFile(with(sharedKey, 1)))
	for i := 1; i < read+more; i++ {
		check(t, os.Link(first, filepath.Join(dir, fmt.Sprintf("counter_%06d.db", i))))
	}
	c := newWatched(t, dir)
	for range 2 {
		c.wantPage(t, mpmetrics.ReasonLimit, more, map[string]float64{"shared_total{}": read})
	}
	other := newWatched(t, dir)
	other.page(t) // both together exceed the mappings of a process: the rest is a fault
	if faults := other.Faults(); faults[len(faults)-1].Reason != mpmetrics.ReasonUnreadable {
		t.Errorf("the last fault of a second reader is %v", faults[len(faults)-1])
	}
	other.Close()
	c.Close()
	faults, err := mpmetrics.Verify(dir)
	check(t, err)
	if len(faults) != 1 || faults[0].Reason != mpmetrics.ReasonLimit || len(c.log.records(t)) != 1 {
		t.Errorf("faults %v, log %.1000s", faults, c.log)
	}
}
