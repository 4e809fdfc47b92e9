package worker_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// page is the metrics page of a directory.
type page struct {
	t    testing.TB
	path string
}

// openMetrics returns a Writer for a worker, and the page of its directory.
func openMetrics(tb testing.TB) (*mpmetrics.Writer, page) {
	tb.Helper()
	path := tb.TempDir()
	w, err := mpmetrics.NewWriter(path, "w1", mpmetrics.WriterOptions{})
	check(tb, err)
	tb.Cleanup(func() {
		if err := w.Close(); err != nil {
			tb.Error(err)
		}
	})
	return w, page{tb, path}
}

// lines returns the lines of the page that have a prefix.
func (p page) lines(prefix string) (lines []string) {
	p.t.Helper()
	collector := mpmetrics.NewCollector(p.path, mpmetrics.CollectorOptions{})
	defer collector.Close()
	var text bytes.Buffer
	check(p.t, collector.Write(&text, expfmt.NewFormat(expfmt.TypeTextPlain)))
	for line := range strings.Lines(text.String()) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// expect checks the lines that have a prefix, in any order.
func (p page) expect(prefix string, want ...string) {
	p.t.Helper()
	got := p.lines(prefix)
	seen := make(map[string]bool)
	for _, line := range got {
		seen[line] = true
	}
	for _, line := range want {
		if !seen[line] {
			p.t.Errorf("no line %s", line)
		}
	}
	if len(got) != len(want) || p.t.Failed() {
		p.t.Errorf("lines:\n%s", strings.Join(got, "\n"))
	}
}

func TestRequestMetrics(t *testing.T) {
	metrics, page := openMetrics(t)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", hello)
	mux.HandleFunc("POST /items/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux.HandleFunc("/empty", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("oh no") })
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		panic("half way")
	})
	mux.HandleFunc("/large", hello)
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, _ *http.Request) {
		nc, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = nc.Close()
	})
	mux.HandleFunc("/hints", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		http.Error(w, "gone", http.StatusGone)
	})
	inner := http.NewServeMux()
	inner.HandleFunc("GET /inner/{x...}", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	mux.Handle("/inner/", inner)
	w := start(t, worker.Config{Metrics: metrics, Limits: limits(func(l *worker.Limits) { l.MaxBody, l.Harakiri = 10, later })}, mux)
	w.await("serving")
	page.expect("http_response_bytes_total", "http_response_bytes_total 0.0")
	page.expect("http_handler_panics_total", "http_handler_panics_total 0.0")
	page.expect("http_harakiri_total", "http_harakiri_total 0.0")

	c := w.dial()
	for _, path := range []string{"/items/1", "/items/2", "/empty", "/nowhere"} {
		readAll(t, c.do("GET", path, ""))
	}
	readAll(t, c.do("POST", "/items/", "x"))
	if code, _ := w.do("POST", "/large", "01234567890"); code != 413 {
		t.Errorf("large: %d", code)
	}
	for _, path := range []string{"/panic", "/abort", "/half", "/hijack"} {
		c := w.dial()
		c.send(head("GET " + path))
		c.expectEnd()
	}
	hints := w.dial()
	hints.send(head("GET /hints"))
	hints.answer()
	hints.answer()
	_, _ = c.Close(), hints.Close()
	w.stopped()
	page.expect("http_requests_total{",
		`http_requests_total{code="200",method="GET",route="/items/{id}"} 2.0`,
		`http_requests_total{code="200",method="GET",route="/empty"} 1.0`,
		`http_requests_total{code="404",method="GET",route="none"} 1.0`,
		`http_requests_total{code="201",method="POST",route="/items/"} 1.0`,
		`http_requests_total{code="413",method="POST",route="/large"} 1.0`,
		`http_requests_total{code="500",method="GET",route="/panic"} 1.0`,
		`http_requests_total{code="500",method="GET",route="/abort"} 1.0`,
		`http_requests_total{code="202",method="GET",route="/half"} 1.0`,
		`http_requests_total{code="101",method="GET",route="/hijack"} 1.0`,
		`http_requests_total{code="410",method="GET",route="/hints"} 1.0`,
	)
	page.expect("http_requests_in_flight", "http_requests_in_flight 0.0")
	page.expect(`http_request_duration_seconds_count{method="GET",route="/items/{id}"}`,
		`http_request_duration_seconds_count{method="GET",route="/items/{id}"} 2.0`)
	page.expect("http_handler_panics_total", "http_handler_panics_total 2.0")
	page.expect("http_harakiri_total", "http_harakiri_total 0.0")

	if lines := w.log.Lines("panicked"); len(lines) != 2 || !strings.Contains(lines[0], "oh no") ||
		!strings.Contains(lines[0], "metrics_test.go") {
		t.Errorf("log of the panics: %q", lines)
	}
}

// TestHarakiriMetrics checks that a request that takes too long is counted at its deadline, and only then, by the route that its
// handler is on.
func TestHarakiriMetrics(t *testing.T) {
	metrics, page := openMetrics(t)
	release := make(chan struct{})
	slow := func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		r.URL.Path = "/elsewhere" // as some handlers do
		<-release
	}
	mux, inner := http.NewServeMux(), http.NewServeMux()
	mux.HandleFunc("GET /slow/{id}", slow)
	mux.Handle("/inner/", inner)
	inner.HandleFunc("/inner/{x}", slow)
	w := start(t, worker.Config{Metrics: metrics, Limits: limits(func(l *worker.Limits) { l.Harakiri, l.HarakiriGrace = soon, later })}, mux)
	w.get("/slow/1")
	w.get("/inner/1")
	expect := func() {
		t.Helper()
		page.expect("http_requests_total{",
			`http_requests_total{code="503",method="GET",route="/slow/{id}"} 1.0`,
			`http_requests_total{code="503",method="GET",route="/inner/{x}"} 1.0`)
		page.expect("http_requests_in_flight", "http_requests_in_flight 0.0")
		page.expect("http_harakiri_total", "http_harakiri_total 2.0")
		page.expect("http_handler_panics_total", "http_handler_panics_total 0.0")
	}
	expect()
	close(release)
	w.stopped()
	expect()
}

// TestByteMetrics writes answers in different ways.
func TestByteMetrics(t *testing.T) {
	metrics, page := openMetrics(t)
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, make([]byte, 100_000), 0o600))
	mux := http.NewServeMux()
	mux.HandleFunc("/write", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) })
	mux.HandleFunc("/string", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "0123456789") })
	mux.HandleFunc("/file", func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	mux.HandleFunc("/none", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	w := start(t, worker.Config{Metrics: metrics}, mux)
	c := w.dial()
	for _, path := range []string{"/write", "/string", "/file", "/none"} {
		readAll(t, c.do("GET", path, ""))
		readAll(t, c.do("HEAD", path, ""))
	}
	_ = c.Close()
	w.stopped()
	page.expect("http_response_bytes_total", "http_response_bytes_total 101010.0")
}

func TestClientsCannotCreateSeries(t *testing.T) {
	metrics, page := openMetrics(t)
	mux := http.NewServeMux()
	mux.HandleFunc("/items/{id}", hello)
	mux.HandleFunc("/{$}", hello)
	mux.HandleFunc("example.org/x", hello)
	w := start(t, worker.Config{Metrics: metrics}, mux)
	ask := func(i int) {
		for _, request := range []string{
			fmt.Sprintf("M%d /items/%d HTTP/1.1\r\nHost: h%d\r\n\r\n", i, i, i),
			fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: h%d\r\n\r\n", i, i),
			fmt.Sprintf("get /items/%%ff%d?q=%d HTTP/1.1\r\nHost: test\r\n\r\n", i, i),
			fmt.Sprintf("GET /items//%d HTTP/1.1\r\nHost: test\r\n\r\n", i),
			fmt.Sprintf("CONNECT h%d:1 HTTP/1.1\r\nHost: h%d:1\r\n\r\n", i, i),
			fmt.Sprintf("GET http://h%d/items/%d HTTP/1.0\r\n\r\n", i, i),
			fmt.Sprintf("OPTIONS * HTTP/1.1\r\nHost: h%d\r\n\r\n", i),
		} {
			c := w.dial()
			c.send(request)
			_, _ = io.Copy(io.Discard, c.answer().body)
			_ = c.Close()
		}
	}
	ask(0)
	before := len(page.lines(""))
	for i := range 20 {
		ask(1 + i)
	}
	if after := len(page.lines("")); after != before {
		t.Errorf("%d lines became %d:\n%s", before, after, strings.Join(page.lines("http_requests_total"), "\n"))
	}
	if lines := page.lines("http_requests_total{"); len(lines) == 0 || len(lines) > 7 {
		t.Errorf("lines:\n%s", strings.Join(lines, "\n"))
	}
}

func TestProcessMetrics(t *testing.T) {
	metrics, page := openMetrics(t)
	w := start(t, worker.Config{Metrics: metrics}, http.HandlerFunc(hello))
	w.get("/")
	for _, name := range []string{"go_goroutines ", "go_memstats_heap_inuse_bytes "} {
		if lines := page.lines(name); len(lines) != 1 || strings.HasSuffix(lines[0], " 0.0") {
			t.Errorf("%s%q", name, lines)
		}
	}
	if lines := page.lines("multiproc_build_info{"); len(lines) != 1 || !strings.Contains(lines[0], `goversion="go`) ||
		!strings.HasSuffix(lines[0], " 1.0") {
		t.Errorf("%q", lines)
	}
	goroutines := func() string { return page.lines("go_goroutines ")[0] }
	before := goroutines()
	for range 50 {
		w.dial()
	}
	proctest.Eventually(t, "a new number of goroutines", func() bool { return goroutines() != before })
}

func TestMetricNameConflict(t *testing.T) {
	metrics, _ := openMetrics(t)
	w := start(t, worker.Config{Metrics: metrics}, nil)
	w.stopped()
	again := start(t, worker.Config{Metrics: metrics}, nil)
	if err := again.wait(); err == nil || !strings.Contains(err.Error(), "http_requests_total") {
		t.Errorf("Run: %v", err)
	}
}

func TestNamedListeners(t *testing.T) {
	metrics, page := openMetrics(t)
	side := listen(t, "tcp", "127.0.0.1:0")
	mux := http.NewServeMux()
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "side") })
	cfg := worker.Config{
		Inherited: &handoff.Inherited{Listeners: []handoff.Listener{{Listener: side, Name: "metrics"}}},
		Named:     map[string]http.Handler{"metrics": mux, "elsewhere": nil},
		Metrics:   metrics,
	}
	w := start(t, cfg, http.HandlerFunc(hello))
	if _, body := w.get("/metrics"); body != "hello " {
		t.Errorf("main: %q", body)
	}
	w.addr = side.Addr()
	if _, body := w.get("/metrics"); body != "side" {
		t.Errorf("side: %q", body)
	}
	page.expect("http_requests_total{",
		`http_requests_total{code="200",method="GET",route="/metrics"} 1.0`,
		`http_requests_total{code="200",method="GET",route="none"} 1.0`)
}
