package mpmetrics_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
)

// Two writers, which are two processes in real life, and the page that any of them would serve.
func Example() {
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	for _, id := range []string{"w1", "w2"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		if err != nil {
			log.Fatal(err)
		}
		defer w.Close()

		requests := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total",
			Help: "Requests.",
		}, []string{"code"}))
		requests.WithLabelValues("200").Add(21)
	}

	metrics := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer metrics.Close()

	scrape := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics?name[]=http_requests_total", nil)
	response := httptest.NewRecorder()
	metrics.ServeHTTP(response, scrape)
	fmt.Print(response.Body)
	// Output:
	// # HELP http_requests_total Requests.
	// # TYPE http_requests_total counter
	// http_requests_total{code="200"} 42.0
}
