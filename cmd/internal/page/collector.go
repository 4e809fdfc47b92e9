// Package page puts together the page of metrics that a server shows: the merged metric files, the application's gauge and
// the master's own metrics. The master's status file, which lies beside the metric files, is here too.
package page

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

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

// gaugeTimeout bounds how long a scrape waits for the database.
const gaugeTimeout = 2 * time.Second

// gauge gathers api_transactions{api,status}, the number of transactions modified in the last 24 hours, at the moment of the
// scrape, and multiproc_store_up, which is 0 if the database cannot be read.
//
// It is a prometheus.Gatherer, safe for concurrent use. It never fails and takes at most gaugeTimeout.
type gauge struct {
	store *store.Store
	log   *slog.Logger

	mu   sync.Mutex
	down bool // guarded by mu; already logged
}

func newGauge(s *store.Store, log *slog.Logger) *gauge {
	return &gauge{store: s, log: log}
}

// Gather implements prometheus.Gatherer.
func (g *gauge) Gather() ([]*dto.MetricFamily, error) {
	counts, err := g.counts()
	g.logChange(err)
	up := 1.0
	if err != nil {
		up = 0
	}
	return []*dto.MetricFamily{
		gaugeFamily("api_transactions", "API Transactions", transactionMetrics(counts)...),
		gaugeFamily("multiproc_store_up", "Whether the database can be read.", &dto.Metric{Gauge: &dto.Gauge{Value: &up}}),
	}, nil
}

// counts queries the database in a goroutine, which is left behind if the disk hangs. At most one of these goroutines is in
// the database: the others wait for their turn and give up when their time is over.
func (g *gauge) counts() (counts []store.Count, err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), gaugeTimeout, errors.New("the database does not answer"))
	defer cancel()
	type result struct {
		counts []store.Count
		err    error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		r.counts, r.err = g.store.WindowCounts(ctx)
		done <- r
	}()
	select {
	case r := <-done:
		return r.counts, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// logChange logs once that the database cannot be read, and once that it can be read again.
func (g *gauge) logChange(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil && !g.down:
		g.log.Error("database cannot be read: scrapes have no api_transactions", "error", err)
	case err == nil && g.down:
		g.log.Info("database can be read again")
	}
	g.down = err != nil
}

// transactionMetrics replaces invalid UTF-8 in names, which other writers of the database may have put there, and adds up the
// counts whose names are then equal: a page must not have a series twice.
func transactionMetrics(counts []store.Count) []*dto.Metric {
	type names struct{ api, status string }
	var metrics []*dto.Metric
	values := map[names]*float64{}
	for _, c := range counts {
		n := names{strings.ToValidUTF8(c.API, "\ufffd"), strings.ToValidUTF8(c.Status, "\ufffd")}
		if values[n] == nil {
			values[n] = new(0.0)
			metrics = append(metrics, &dto.Metric{
				Label: []*dto.LabelPair{{Name: new("api"), Value: &n.api}, {Name: new("status"), Value: &n.status}},
				Gauge: &dto.Gauge{Value: values[n]},
			})
		}
		*values[n] += float64(c.N)
	}
	return metrics
}

func gaugeFamily(name, help string, metrics ...*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(), Metric: metrics}
}
