// Package page puts together the page of metrics that a server shows: the merged metric files, the application's gauge and
// the master's own metrics. The master's status file, which lies beside the metric files, is here too.
package page

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/store"
)

// NewCollector returns the collector of the whole page: the merged metric files of the directory and, unless the store is
// nil, the gauge of its transactions. The caller closes the collector before the store.
func NewCollector(dir string, s *store.Store, log *slog.Logger) *mpmetrics.Collector {
	options := mpmetrics.CollectorOptions{Logger: log}
	if s != nil {
		options.Gatherers = []prometheus.Gatherer{newGauge(s, log)}
	}
	return mpmetrics.NewCollector(dir, options)
}
