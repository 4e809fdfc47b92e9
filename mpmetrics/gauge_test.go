package mpmetrics_test

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestGaugeNeverSet has two processes with the same gauges, of which one sets them: the other must not count as 0.
func TestGaugeNeverSet(t *testing.T) {
	dir := t.TempDir()
	set, other := newWriter(t, dir, "w1"), newWriter(t, dir, "w2")
	want := map[string]float64{unshared: 0}
	for mode := mpmetrics.ModeAll; mode <= mpmetrics.ModeLiveMostRecent; mode++ {
		for _, sign := range []float64{+1, -1} {
			name := fmt.Sprintf("g_%v_%v", mode, map[bool]string{true: "plus", false: "minus"}[sign > 0])
			g := mpmetrics.Must(set.NewGauge(prometheus.GaugeOpts{Name: name}, mode))
			g.Set(sign * 5)
			mpmetrics.Must(other.NewGauge(prometheus.GaugeOpts{Name: name}, mode))
			mpmetrics.Must(other.NewGaugeVec(prometheus.GaugeOpts{Name: name + "_unset"}, mode, []string{"l"})).WithLabelValues("x")
			sample := name + "{}"
			if mode == mpmetrics.ModeAll || mode == mpmetrics.ModeLiveAll {
				sample = name + `{pid="w1"}`
			}
			want[sample] = sign * 5
		}
	}
	checkSamples(t, want, parsePage(t, scrape(t, dir)))
}
