package mpmetrics

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics/internal/format"
)

// TestSamplesArePruned: files that come and go, under new names or the same one, leave nothing in a Collector's memory.
func TestSamplesArePruned(t *testing.T) {
	for _, name := range []string{"gauge_livesum_%d.db", "gauge_livesum_w1.db"} {
		dir := t.TempDir()
		c := NewCollector(dir, CollectorOptions{})
		defer c.Close()
		last := ""
		for i := range 300 {
			file := filepath.Join(dir, name)
			if name != "gauge_livesum_w1.db" {
				file = filepath.Join(dir, fmt.Sprintf(name, i))
			}
			k := format.Key{Family: "g", Sample: "g", Labels: []format.Label{{Name: "i", Value: fmt.Sprint(i)}}, Help: ""}.Encode()
			writeFile(t, file+".new", []string{k}, func(int) float64 { return 1 })
			if last != "" {
				check(t, os.Remove(last))
			}
			check(t, os.Rename(file+".new", file))
			last = file
			check(t, c.Write(io.Discard, expfmt.FmtText))
		}
		if n := len(c.known[format.Gauge].known); n > 200 {
			t.Errorf("%s: %d samples are known of one that is there", name, n)
		}
		if len(c.sources) != 1 || len(c.order) != 1 || len(c.loggedFaults) != 0 {
			t.Errorf("%s: %d sources, %d in order, %d faults", name, len(c.sources), len(c.order), len(c.loggedFaults))
		}
	}
}

// TestScrapeAllocatesNothing that grows with the number of series, if only values have changed.
func TestScrapeAllocatesNothing(t *testing.T) {
	allocs := func(counters int) float64 {
		dir := t.TempDir()
		makeDirectory(t, dir, 4, counters, counters/10)
		c := NewCollector(dir, CollectorOptions{})
		defer c.Close()
		var page []byte
		return testing.AllocsPerRun(10, func() {
			var err error
			if page, _, err = c.appendPage(page[:0], expfmt.FmtText, nil); err != nil {
				t.Fatal(err)
			}
		})
	}
	// One for each series more would be thousands. A few may happen at any time: pools can lose their content.
	if few, many := allocs(10), allocs(2000); many > few+10 {
		t.Errorf("%v allocations with 2000 counters, %v with 10", many, few)
	}
}

// TestDamagedFileIsReadAgain after a while: it may have been repaired without a change of its header.
func TestDamagedFileIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counter_1.db")
	k := format.Key{Family: "x", Sample: "x_total", Help: "Help."}.Encode()
	writeFile(t, path, []string{k}, func(int) float64 { return 5 })
	content, err := os.ReadFile(path)
	check(t, err)
	poke := func(at int64, b []byte) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		check(t, err)
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
		check(t, f.Close())
	}
	poke(format.HeaderSize+4, []byte("?"))
	now := time.Now()
	c := NewCollector(filepath.Dir(path), CollectorOptions{})
	defer c.Close()
	c.now = func() time.Time { return now }
	faults := func() int {
		c.release(c.acquire())
		return len(c.layout.faults)
	}
	if n := faults(); n != 1 {
		t.Fatalf("%d faults, want 1", n)
	}
	poke(0, content[:64])
	if n := faults(); n != 1 {
		t.Errorf("%d faults at once, want 1: this costs a walk each time", n)
	}
	now = now.Add(relook)
	if n := faults(); n != 0 {
		t.Errorf("%d faults after %v, want none", n, relook)
	}
}
