package worker_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// A worker that serves a page and the metrics of all workers. Under a master, or systemd, Run inherits its sockets; here it is
// passed one, and stops after two requests.
func ExampleRun() {
	dir, err := os.MkdirTemp("", "metrics") // as in PROMETHEUS_MULTIPROC_DIR
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	metrics, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{}) // as in MULTIPROC_ID
	if err != nil {
		log.Fatal(err)
	}
	defer metrics.Close()
	page := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer page.Close()
	greetings := mpmetrics.Must(metrics.NewCounter(prometheus.CounterOpts{Name: "greetings_total", Help: "Greetings."}))

	routes := http.NewServeMux()
	routes.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) {
		greetings.Inc()
		fmt.Fprintln(w, "hello")
	})
	routes.HandleFunc("GET /readyz", worker.Readyz)
	routes.Handle("GET /metrics", page)

	ctx, stop := context.WithCancel(context.Background())
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer stop()
		for _, path := range []string{"/hello", "/metrics?name[]=greetings_total&name[]=http_requests_total"} {
			body, err := get(listener.Addr(), path)
			if err != nil {
				fmt.Println(err)
			}
			fmt.Print(body)
		}
	}()
	limits := worker.DefaultLimits()
	limits.MaxBody, limits.Harakiri = 1<<20, 30*time.Second
	err = worker.Run(ctx, worker.Config{
		Inherited: &handoff.Inherited{Listeners: []handoff.Listener{{Listener: listener, Name: "http"}}},
		Metrics:   metrics,
		Limits:    &limits,
	}, routes)
	fmt.Println("ended:", err)
	// Output:
	// hello
	// # HELP greetings_total Greetings.
	// # TYPE greetings_total counter
	// greetings_total 1.0
	// # HELP http_requests_total Requests answered, by method, route and status code.
	// # TYPE http_requests_total counter
	// http_requests_total{code="200",method="GET",route="/hello"} 1.0
	// ended: <nil>
}

func get(addr net.Addr, path string) (string, error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr.String()+path, nil)
	if err != nil {
		return "", err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// A handler that makes progress extends the time of its request.
func ExampleExtendDeadline() {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /export", func(w http.ResponseWriter, r *http.Request) {
		for row := range 1000 {
			worker.ExtendDeadline(r.Context(), 10*time.Second)
			if _, err := fmt.Fprintln(w, row); err != nil {
				return // the client is gone, or the time was up
			}
		}
	})
}
