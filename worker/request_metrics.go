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

// requestMetrics are the metrics of package requests. Clients cannot create series: the labels are the methods of RFC 9110, the
// patterns of the handler and the codes that it answers with.
type requestMetrics struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
	bytes    prometheus.Counter
	panics   prometheus.Counter
	harakiri prometheus.Counter

	// cells holds the children that were looked up before. The map is replaced, never changed, so that a look-up takes no lock.
	cells atomic.Pointer[map[cellKey]cell]
	mu    sync.Mutex // held while cells is replaced
}

// cellKey identifies the counters of a request.
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

// record counts a request that was in flight. bytes are those of the answer's body, which is not sent in answer to HEAD.
func (m *requestMetrics) record(method, pattern string, code int, bytes int64, took time.Duration) {
	m.inFlight.Dec()
	if bytes > 0 && method != http.MethodHead {
		m.bytes.Add(float64(bytes))
	}
	key := cellKey{methodLabel(method), pattern, code}
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
	route := routeLabel(key.pattern)
	added := cell{
		m.total.WithLabelValues(key.method, route, strconv.Itoa(key.code)),
		m.duration.WithLabelValues(key.method, route),
	}
	cells := maps.Clone(*m.cells.Load())
	cells[key] = added
	m.cells.Store(&cells)
	return added
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method
	}
	return requests.OtherMethod
}
