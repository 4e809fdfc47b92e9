package mpmetrics_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/common/expfmt"

	"multiproc/mpmetrics"
)

// Two Writers, usually in two processes, and the page that either of them can serve.
func Example() {
	dir := tempDir() // usually PROMETHEUS_MULTIPROC_DIR
	defer func() { _ = os.RemoveAll(dir) }()

	for _, id := range []string{"w1", "w2"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		if err != nil {
			log.Fatal(err)
		}
		defer w.Close()

		// The vectors are client_golang's own, so its instrumentation accepts them.
		opts := prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests."}
		requests := mpmetrics.Must(w.NewCounterVec(opts, []string{"code"}))
		handler := promhttp.InstrumentHandlerCounter(requests, http.NotFoundHandler())
		request := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", nil)
		handler.ServeHTTP(httptest.NewRecorder(), request)
	}

	printFamily(dir, "http_requests_total")
	// Output:
	// # HELP http_requests_total Requests.
	// # TYPE http_requests_total counter
	// http_requests_total{code="404"} 2.0
}

func tempDir() string {
	dir, err := os.MkdirTemp("", "metrics")
	if err != nil {
		panic(err)
	}
	return dir
}

// printFamily prints one family of the page.
func printFamily(dir, name string) {
	metrics := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer metrics.Close()
	scrape := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/metrics?name[]="+name, nil)
	response := httptest.NewRecorder()
	metrics.ServeHTTP(response, scrape)
	fmt.Print(response.Body)
}

// The mode of a gauge determines how the values of several processes are merged.
func ExampleWriter_NewGauge() {
	dir := tempDir() // usually PROMETHEUS_MULTIPROC_DIR
	defer func() { _ = os.RemoveAll(dir) }()

	for i, id := range []string{"w1", "w2"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		if err != nil {
			log.Fatal(err)
		}
		defer w.Close()
		jobs := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "jobs", Help: "Jobs at work."}, mpmetrics.ModeLiveSum))
		jobs.Set(3)
		batch := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "batch", Help: "Largest batch."}, mpmetrics.ModeMax))
		batch.Set(float64(10 * (i + 1)))
		queue := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "queue", Help: "Own queue."}, mpmetrics.ModeAll))
		queue.Set(float64(i))
	}

	for _, name := range []string{"jobs", "batch", "queue"} {
		printFamily(dir, name)
	}
	// Output:
	// # HELP jobs Jobs at work.
	// # TYPE jobs gauge
	// jobs 6.0
	// # HELP batch Largest batch.
	// # TYPE batch gauge
	// batch 20.0
	// # HELP queue Own queue.
	// # TYPE queue gauge
	// queue{pid="w1"} 0.0
	// queue{pid="w2"} 1.0
}

// A page can have families from elsewhere beside those of the directory. A server uses the Collector as an http.Handler:
//
//	http.Handle("/metrics", metrics)
func ExampleCollector() {
	dir := tempDir() // usually PROMETHEUS_MULTIPROC_DIR
	defer func() { _ = os.RemoveAll(dir) }()
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer w.Close()
	mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "orders_total", Help: "Orders."})).Add(3)

	own := prometheus.NewRegistry()
	stock := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "stock", Help: "In stock."}, func() float64 { return 7 })
	if err := own.Register(stock); err != nil {
		log.Fatal(err)
	}
	metrics := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{own}})
	defer metrics.Close()
	if err := metrics.Write(os.Stdout, expfmt.NewFormat(expfmt.TypeTextPlain)); err != nil {
		log.Fatal(err)
	}
	// Output:
	// # HELP multiproc_metric_series_unshared Series kept in the memory of processes because their metric files have no room.
	// # TYPE multiproc_metric_series_unshared gauge
	// multiproc_metric_series_unshared 0.0
	// # HELP orders_total Orders.
	// # TYPE orders_total counter
	// orders_total 3.0
	// # HELP stock In stock.
	// # TYPE stock gauge
	// stock 7.0
}

// The entries of each process.
func ExampleInspector() {
	dir := tempDir() // usually PROMETHEUS_MULTIPROC_DIR
	defer func() { _ = os.RemoveAll(dir) }()
	for i, id := range []string{"w1", "w2"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		if err != nil {
			log.Fatal(err)
		}
		defer w.Close()
		mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "orders_total", Help: "Orders."})).Add(float64(i + 1))
	}

	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	found, err := inspector.Look()
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range found.Files {
		if file.Type != "counter" {
			continue
		}
		for _, entry := range file.AppendEntries(nil) {
			fmt.Println(file.Name, file.Process.Liveness, entry.Sample, entry.Value)
		}
	}
	// Output:
	// counter_w1.db alive orders_total 1
	// counter_w2.db alive orders_total 2
}

// A master wipes the directory before it starts the first process, and keeps it locked: a second master is refused.
func ExampleDirectory() {
	dir := tempDir() // usually PROMETHEUS_MULTIPROC_DIR
	defer func() { _ = os.RemoveAll(dir) }()
	directory, err := mpmetrics.OpenDirectory(dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer directory.Close()
	if err := directory.Wipe(); err != nil {
		log.Fatal(err)
	}

	second, err := mpmetrics.OpenDirectory(dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()
	fmt.Println(errors.Is(second.Wipe(), mpmetrics.ErrHeld))
	// After the end of a process, the files of its live gauges are removed.
	fmt.Println(directory.Sweep())
	// Output:
	// true
	// <nil>
}
