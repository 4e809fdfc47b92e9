package mpmetrics_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// TestObserveBounds observes at, between and beyond bounds, few enough to be gone through and more.
func TestObserveBounds(t *testing.T) {
	for _, bounds := range [][]float64{
		{-1, 0, 2},
		prometheus.LinearBuckets(-50, 0.5, 201),
	} {
		t.Run(fmt.Sprint(len(bounds), " bounds"), func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, "w1")
			h := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: bounds}))
			memory := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Help.", Buckets: bounds})
			observed := []float64{
				math.Inf(-1), -100, -1.0000001, -1, math.Copysign(0, -1), 0, 5e-324, 1, 2, 2.0000001, 50, 51, 1e300, math.Inf(+1), math.NaN(),
			}
			for _, v := range observed {
				h.Observe(v)
				memory.Observe(v)
			}
			want := ownMetric(t, memory).GetHistogram()
			got := ownMetric(t, h).GetHistogram()
			for i, b := range want.GetBucket() {
				if n := got.GetBucket()[i].GetCumulativeCount(); n != b.GetCumulativeCount() {
					t.Errorf("up to %v: %d observations, want %d", b.GetUpperBound(), n, b.GetCumulativeCount())
				}
				sample := fmt.Sprintf(`h_bucket{le="%v"}`, b.GetUpperBound())
				if n := parsePage(t, scrape(t, dir)).Samples[sample]; n != float64(b.GetCumulativeCount()) {
					t.Errorf("%s is %v on the page, want %d", sample, n, b.GetCumulativeCount())
				}
			}
			if got.GetSampleCount() != uint64(len(observed)) || !math.IsNaN(got.GetSampleSum()) {
				t.Errorf("count %d and sum %v, want %d and NaN", got.GetSampleCount(), got.GetSampleSum(), len(observed))
			}
			if n := parsePage(t, scrape(t, dir)).Samples[`h_bucket{le="+Inf"}`]; n != float64(len(observed)) {
				t.Errorf("the bucket +Inf is %v on the page, want %d", n, len(observed))
			}
		})
	}
}
