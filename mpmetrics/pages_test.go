package mpmetrics

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// pipeListener accepts ends of pipes, which have no buffer: nothing can be written to a client that does not read.
type pipeListener chan net.Conn

func (l pipeListener) Accept() (net.Conn, error) {
	c, open := <-l
	if !open {
		return nil, net.ErrClosed
	}
	return c, nil
}
func (l pipeListener) Close() error   { close(l); return nil }
func (l pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

// scraped is a Collector that is scraped by HTTP. Its page has a gauge with a value that each test sets.
type scraped struct {
	t     *testing.T
	c     *Collector
	value atomic.Int64
	l     pipeListener
}

func newScraped(t *testing.T, counters int) *scraped {
	t.Helper()
	dir := t.TempDir()
	makeDirectory(t, dir, 1, counters, 0)
	s := &scraped{t: t, l: make(pipeListener)}
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "fresh", Help: "Value."},
		func() float64 { return float64(s.value.Load()) }))
	s.c = NewCollector(dir, CollectorOptions{Gatherers: []prometheus.Gatherer{registry}})
	server := &http.Server{Handler: s.c} //nolint:gosec // its clients are here
	go func() { _ = server.Serve(s.l) }()
	t.Cleanup(func() {
		_ = server.Close()
		s.c.Close()
		time.Sleep(2 * time.Second) //nolint:forbidigo // the bubble's clock; for goroutines that sleep
	})
	return s
}

// request sends a request and does not read the response.
func (s *scraped) request(headers ...string) net.Conn {
	client, server := net.Pipe()
	s.l <- server
	s.t.Cleanup(func() { _ = client.Close() })
	_, err := fmt.Fprintf(client, "GET /metrics HTTP/1.1\r\nHost: test\r\n%s\r\n", strings.Join(append(headers, ""), "\r\n"))
	check(s.t, err)
	synctest.Wait()
	return client
}

// scrape returns the status code of a request and its duration. A page must be whole and newer than the request.
func (s *scraped) scrape(headers ...string) (code int, took time.Duration) {
	s.t.Helper()
	value, start := s.value.Add(1), time.Now()
	client := s.request(headers...)
	r, err := http.ReadResponse(bufio.NewReader(client), nil)
	check(s.t, err)
	defer r.Body.Close()
	content, err := io.ReadAll(r.Body)
	check(s.t, err)
	check(s.t, client.Close())
	synctest.Wait()
	if r.StatusCode == http.StatusOK && !strings.Contains(string(content), fmt.Sprintf("\nfresh %d.0\n", value)) {
		s.t.Errorf("%d bytes of a page without the value %d", len(content), value)
	}
	if r.StatusCode == http.StatusServiceUnavailable && r.Header.Get("Retry-After") == "" {
		s.t.Error("no Retry-After")
	}
	return r.StatusCode, time.Since(start)
}

// held returns the number of pages in memory and their size.
func (s *scraped) held() (n, bytes int) {
	s.c.pages.mu.Lock()
	defer s.c.pages.mu.Unlock()
	for _, p := range s.c.pages.begun {
		bytes += cap(p.content)
	}
	return len(s.c.pages.begun), bytes
}

// TestUnreadPages has crowds of clients that do not read their pages. A client that does gets a fresh page soon, again and again, and
// so does one that reads slowly; the memory for pages stays bounded.
func TestUnreadPages(t *testing.T) {
	for name, test := range map[string]struct {
		counters int
		headers  func(i int) []string
		most     int // bytes
	}{
		"large":                 {5000, func(int) []string { return nil }, maxPageBytes},
		"larger than the bound": {25_000, func(int) []string { return nil }, minPages * 4 << 20},
		"of many kinds": {5000, func(i int) []string {
			return []string{
				"Accept: " + []string{"text/plain", "application/openmetrics-text", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"}[i%3],
				"Accept-Encoding: " + []string{"", "gzip", "zstd"}[i/3%3],
			}
		}, maxPageBytes},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newScraped(t, test.counters)
				slow := s.request()
				done := make(chan error, 1)
				go func() {
					content := 0
					for buffer := make([]byte, 64<<10); ; time.Sleep(50 * time.Millisecond) { //nolint:forbidigo // the bubble's clock
						n, err := slow.Read(buffer)
						content += n
						if err != nil || strings.HasSuffix(string(buffer[:n]), "\nfresh 0.0\n") {
							done <- err
							return
						}
					}
				}()
				for i := range 300 {
					s.request(test.headers(i)...)
				}
				for range 20 {
					if code, took := s.scrape(); code != http.StatusOK || took > 3*time.Second {
						t.Errorf("%d after %s", code, took)
					}
					if n, bytes := s.held(); n > maxPages || bytes > test.most {
						t.Errorf("%d pages of %d bytes in all", n, bytes)
					}
					time.Sleep(time.Second) //nolint:forbidigo // the same
				}
				check(t, <-done)
			})
		})
	}
}

// TestNoRoomForPages has clients that do not read their pages, or read them too slowly. Others wait for half of their scrape
// timeout, or until the clients of the oldest page are cut off.
func TestNoRoomForPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newScraped(t, 25_000)
		for range minPages {
			s.request()
		}
		code, took := s.scrape("X-Prometheus-Scrape-Timeout-Seconds: 0.5")
		if code != http.StatusServiceUnavailable || took != 250*time.Millisecond {
			t.Errorf("%d after %s", code, took)
		}
		for range 2 * minPages {
			slow := s.request()
			go func() {
				for b := make([]byte, 100_000); ; time.Sleep(time.Second) { //nolint:forbidigo // the bubble's clock
					if _, err := slow.Read(b); err != nil {
						return
					}
				}
			}()
			time.Sleep(time.Second) //nolint:forbidigo // the same
		}
		start := time.Now()
		for code, _ := s.scrape(); code != http.StatusOK; code, _ = s.scrape() {
			if time.Since(start) > pageTimeout {
				t.Fatal("no room was made")
			}
		}
	})
}
