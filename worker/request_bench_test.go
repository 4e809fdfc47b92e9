package worker_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"multiproc/mpmetrics"
	"multiproc/worker"
	"multiproc/worker/handoff"
)

// BenchmarkRequest sends small requests on one connection, to workers and to net/http alone.
func BenchmarkRequest(b *testing.B) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") })
	b.Run("net/http", func(b *testing.B) {
		l := benchListener(b)
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
			l := benchListener(b)
			cfg := c.cfg
			cfg.Inherited = &handoff.Inherited{Listeners: []handoff.Listener{{Listener: l}}}
			if c.metrics {
				var err error
				if cfg.Metrics, err = mpmetrics.NewWriter(b.TempDir(), "w1", mpmetrics.WriterOptions{}); err != nil {
					b.Fatal(err)
				}
				defer cfg.Metrics.Close()
			}
			ctx, stop := context.WithCancel(b.Context())
			ended := make(chan error)
			go func() { ended <- worker.Run(ctx, cfg, mux) }()
			benchmarkRequests(b, l.Addr())
			stop()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

func benchListener(b *testing.B) net.Listener {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // nothing to cancel
	check(b, err)
	return l
}

func benchmarkRequests(b *testing.B, addr net.Addr) {
	b.Helper()
	c, err := net.Dial("tcp", addr.String()) //nolint:noctx // nothing to cancel
	check(b, err)
	defer c.Close()
	r := bufio.NewReader(c)
	request := []byte("GET /items/1 HTTP/1.1\r\nHost: test\r\n\r\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for line := []byte{}; len(line) != 2; { // the head, which ends with an empty line
			if line, err = r.ReadSlice('\n'); err != nil {
				b.Fatal(err)
			}
		}
		if _, err := r.Discard(len("hello")); err != nil {
			b.Fatal(err)
		}
	}
}
