package api

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"multiproc/store"
)

// gaugePatience is how long the page of metrics waits for the database.
const gaugePatience = 2 * time.Second

// Gatherer gives what the page of metrics has out of the database: api_transactions{api,status}, the transactions that were
// modified in the last 24 hours, at the moment of the scrape, and multiproc_store_up, which is 1 with these and 0 without.
//
// It is a prometheus.Gatherer, safe for concurrent use. It never fails, and takes 2 s at most.
type Gatherer struct {
	store *store.Store
	log   *slog.Logger

	mu   sync.Mutex
	down bool // and the log was told so
}

// NewGatherer makes a Gatherer. When the database cannot be read any more, and when it can again, log is told. Nil discards.
func NewGatherer(s *store.Store, log *slog.Logger) *Gatherer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Gatherer{store: s, log: log}
}

// Gather gives the families of the moment.
func (g *Gatherer) Gather() ([]*dto.MetricFamily, error) {
	counts, err := g.counts()
	g.tell(err)
	up := 1.0
	if err != nil {
		up = 0
	}
	return []*dto.MetricFamily{
		gauge("api_transactions", "API Transactions", transactionMetrics(valid(counts))...),
		gauge("multiproc_store_up", "Whether the database can be read.", &dto.Metric{Gauge: &dto.Gauge{Value: &up}}),
	}, nil
}

// counts asks the database in a goroutine, which is left behind if the disk does not answer. At most one of these is in the
// database: the others wait for their turn, and give up by themselves when their time is over.
func (g *Gatherer) counts() (counts []store.Count, err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), gaugePatience, errors.New("the database does not answer"))
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

func (g *Gatherer) tell(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err != nil && !g.down:
		g.log.Error("the database cannot be read: no api_transactions", "error", err)
	case err == nil && g.down:
		g.log.Info("the database can be read again")
	}
	g.down = err != nil
}

// valid are counts by names as a page may have them. Whoever else writes to the database may have given names that are no
// UTF-8, and those that are the same without it are counted as one: one such name must not cost the page.
func valid(counts []store.Count) []store.Count {
	for i := range counts {
		c := &counts[i]
		c.API, c.Status = strings.ToValidUTF8(c.API, "\ufffd"), strings.ToValidUTF8(c.Status, "\ufffd")
	}
	slices.SortFunc(counts, func(a, b store.Count) int {
		return cmp.Or(cmp.Compare(a.API, b.API), cmp.Compare(a.Status, b.Status))
	})
	var sums []store.Count
	for _, c := range counts {
		if last := len(sums) - 1; last >= 0 && sums[last].API == c.API && sums[last].Status == c.Status {
			sums[last].N += c.N
		} else {
			sums = append(sums, c)
		}
	}
	return sums
}

func transactionMetrics(counts []store.Count) []*dto.Metric {
	metrics := make([]*dto.Metric, len(counts))
	for i, c := range counts {
		metrics[i] = &dto.Metric{
			Label: []*dto.LabelPair{{Name: new("api"), Value: &c.API}, {Name: new("status"), Value: &c.Status}},
			Gauge: &dto.Gauge{Value: new(float64(c.N))},
		}
	}
	return metrics
}

func gauge(name, help string, metrics ...*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: &help, Type: dto.MetricType_GAUGE.Enum(), Metric: metrics}
}
