package mpmetrics_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

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
