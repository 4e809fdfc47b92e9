package mpmetrics_test

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

func TestCounterCannotDecrease(t *testing.T) {
	w := newWriter(t, t.TempDir(), "w1")
	c := mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "Help."}))
	c.Add(2)
	c.Add(0)
	defer func() {
		if recover() == nil {
			t.Error("adding -1 did not panic")
		}
		if got := ownMetric(t, c).GetCounter().GetValue(); got != 2 {
			t.Errorf("the counter is %v, want 2", got)
		}
	}()
	c.Add(-1)
}
