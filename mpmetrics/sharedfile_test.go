package mpmetrics_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/mpmetrics"
)

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
