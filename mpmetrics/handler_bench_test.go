package mpmetrics

import (
	"io"
	"net"
	"net/http"
	"testing"
)

// BenchmarkServe scrapes by HTTP: the page of a small server, plain and compressed, by one client and by several at a time.
func BenchmarkServe(b *testing.B) {
	dir := b.TempDir()
	makeDirectory(b, dir, 4, 1000, 100)
	c := NewCollector(dir, CollectorOptions{})
	defer c.Close()
	l, err := new(net.ListenConfig).Listen(b.Context(), "tcp", "127.0.0.1:0")
	check(b, err)
	server := &http.Server{Handler: c}
	go func() { _ = server.Serve(l) }()
	defer server.Close()
	scrape := func(client *http.Client, encoding string) error {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://"+l.Addr().String(), http.NoBody)
		if err != nil {
			return err
		}
		r.Header.Set("Accept-Encoding", encoding)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		_, err = io.Copy(io.Discard, answer.Body)
		return err
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 16}}
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				check(b, scrape(client, encoding))
			}
		})
		b.Run(encoding+"/parallel", func(b *testing.B) {
			b.SetParallelism(4)
			b.RunParallel(func(p *testing.PB) {
				for p.Next() {
					if err := scrape(client, encoding); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
