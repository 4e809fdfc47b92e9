package worker_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"multiproc/worker"
	"multiproc/worker/handoff"
)

// BenchmarkRequest sends small requests on one connection, to workers and to net/http alone.
func BenchmarkRequest(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	b.Run("net/http", func(b *testing.B) {
		l := listen(b, "tcp", "127.0.0.1:0")
		srv := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, IdleTimeout: time.Minute}
		go func() { _ = srv.Serve(l) }()
		defer srv.Close()
		benchmarkRequests(b, l.Addr())
	})
	for _, c := range []struct {
		name    string
		cfg     worker.Config
		metrics bool
	}{
		{"worker", worker.Config{}, false},
		{"worker with metrics", worker.Config{}, true},
		{"worker with metrics and harakiri", limited(func(l *worker.Limits) { l.Harakiri = time.Minute }), true},
	} {
		b.Run(c.name, func(b *testing.B) {
			l := listen(b, "tcp", "127.0.0.1:0")
			cfg := c.cfg
			cfg.Inherited = &handoff.Inherited{Listeners: []handoff.Listener{{Listener: l}}}
			if c.metrics {
				cfg.Metrics, _ = openMetrics(b)
			}
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- worker.Run(ctx, cfg, mux) }()
			benchmarkRequests(b, l.Addr())
			stop()
			check(b, <-ended)
		})
	}
}

func benchmarkRequests(b *testing.B, addr net.Addr) {
	b.Helper()
	c, err := dial(b.Context(), addr)
	check(b, err)
	defer c.Close()
	check(b, c.SetDeadline(time.Time{}))
	request := []byte("GET /items/1 HTTP/1.1\r\nHost: test\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for line := []byte{}; len(line) != 2; { // the head, which ends with an empty line
			if line, err = c.r.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := c.r.Discard(len("hello")); err != nil {
			b.Fatal(err)
		}
	}
}
