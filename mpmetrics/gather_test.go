package mpmetrics_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestGather: what is gathered, by the Collector itself or by a registry that it is registered with, is the page.
func TestGather(t *testing.T) {
	for _, dir := range []string{"basic", "gauges", "histograms", "escapes", "names", "growth", "r00", "r01", "r02"} {
		c := mpmetrics.NewCollector("../testdata/conformance/h16/"+dir, mpmetrics.CollectorOptions{})
		want := parsePage(t, scrapeWith(t, c))
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(c)
		for name, g := range map[string]prometheus.Gatherer{"Collector": c, "registry": registry} {
			families, err := g.Gather()
			if err != nil {
				t.Fatalf("%s, %s: %v", dir, name, err)
			}
			if diff := cmp.Diff(want, pageOf(families), equateNaN); diff != "" {
				t.Errorf("%s, %s (-page +gathered):\n%s", dir, name, diff)
			}
		}
		c.Close()
	}
}

// TestCollectorClosed: a Collector that was closed begins anew.
func TestCollectorClosed(t *testing.T) {
	c := mpmetrics.NewCollector("../testdata/conformance/h16/basic", mpmetrics.CollectorOptions{})
	want := string(scrapeWith(t, c))
	c.Close()
	c.Close()
	if got := string(scrapeWith(t, c)); got != want {
		t.Errorf("after Close:\n%s\nbefore:\n%s", got, want)
	}
	c.Close()
}
