package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/store"
)

func newRecorded(w *mpmetrics.Writer) (*prometheus.CounterVec, error) {
	return w.NewCounterVec(prometheus.CounterOpts{
		Name: "api_transactions_recorded_total",
		Help: "Transactions recorded through the API, by API and first status.",
	}, []string{"api", "status"})
}

// count counts transactions that were recorded.
func (a *API) count(recorded []store.Transaction) {
	if a.recorded == nil {
		return
	}
	for _, t := range recorded {
		a.recorded.WithLabelValues(t.API, t.Status).Inc()
	}
}
