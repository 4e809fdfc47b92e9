package worker

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

// requestMetrics counts requests. No client can make series: labels are the methods of RFC 9110, the patterns of the
// handler, and the codes that it answers with.
type requestMetrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	bytes    prometheus.Counter
	panics   prometheus.Counter
	harakiri prometheus.Counter

	// Metrics that were looked up before. The map is never changed, but replaced by one with more in it, so that
	// looking up takes no lock. mu is for who replaces it.
	cells atomic.Pointer[map[cellKey]cell]
	mu    sync.Mutex
}

// cellKey is what a request is counted by.
type cellKey struct {
	method, pattern string
	code            int
}

type cell struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

func newRequestMetrics(w *mpmetrics.Writer) (*requestMetrics, error) {
	total, err := w.NewCounterVec(prometheus.CounterOpts{
		Name: requests.Total,
		Help: "Requests answered, by method, route and status code.",
	}, []string{requests.LabelMethod, requests.LabelRoute, requests.LabelCode})
	if err != nil {
		return nil, err
	}
	duration, err := w.NewHistogramVec(prometheus.HistogramOpts{
		Name: requests.Duration,
		Help: "Time from a request's head to the end of its handler.",
	}, []string{requests.LabelMethod, requests.LabelRoute})
	if err != nil {
		return nil, err
	}
	inFlight, err := w.NewGauge(prometheus.GaugeOpts{
		Name: requests.InFlight,
		Help: "Requests being handled.",
	}, mpmetrics.ModeLiveSum)
	if err != nil {
		return nil, err
	}
	inFlight.Set(0)
	m := &requestMetrics{total: total, duration: duration, inFlight: inFlight}
	for _, c := range []struct {
		field      *prometheus.Counter
		name, help string
	}{
		{&m.bytes, requests.Bytes, "Bytes of the bodies of answers."},
		{&m.panics, requests.Panics, "Requests whose handler panicked."},
		{&m.harakiri, requests.Harakiri, "Requests that took too long."},
	} {
		if *c.field, err = w.NewCounter(prometheus.CounterOpts{Name: c.name, Help: c.help}); err != nil {
			return nil, err
		}
	}
	m.cells.Store(&map[cellKey]cell{})
	return m, nil
}

// count counts a request that was in flight. bytes are those of its answer's body; that of an answer to HEAD is not sent.
func (m *requestMetrics) count(method, pattern string, code int, bytes int64, took time.Duration) {
	m.inFlight.Dec()
	if bytes > 0 && method != http.MethodHead {
		m.bytes.Add(float64(bytes))
	}
	key := cellKey{knownMethod(method), pattern, code}
	found, ok := (*m.cells.Load())[key]
	if !ok {
		found = m.add(key)
	}
	found.total.Inc()
	found.duration.Observe(took.Seconds())
}

func (m *requestMetrics) add(key cellKey) cell {
	m.mu.Lock()
	defer m.mu.Unlock()
	route := route(key.pattern)
	added := cell{
		m.total.WithLabelValues(key.method, route, strconv.Itoa(key.code)),
		m.duration.WithLabelValues(key.method, route),
	}
	cells := maps.Clone(*m.cells.Load())
	cells[key] = added
	m.cells.Store(&cells)
	return added
}

// knownMethod is the method's label.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return requests.OtherMethod
}
