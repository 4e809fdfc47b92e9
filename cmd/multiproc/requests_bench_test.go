package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"multiproc/mpmetrics"
)

// benchConnections is the number of concurrent clients.
const benchConnections = 32

// benchRound is the time for which each of the two servers is measured in turn, so that the machine's load affects both.
const benchRound = 500 * time.Millisecond

// BenchmarkRequests compares workers of one thread each with one process that has all cores, side by side. One iteration is a
// round of both. It reports the medians and, over the workers, the highest and lowest number of requests.
func BenchmarkRequests(b *testing.B) {
	cores := runtime.NumCPU()
	for _, keepAlive := range []bool{true, false} {
		for _, workers := range []int{cores, 4 * cores} {
			for _, reusePort := range []bool{false, true} {
				name := fmt.Sprintf("keep-alive=%t/workers=%d/reuse-port=%t", keepAlive, workers, reusePort)
				b.Run(name, func(b *testing.B) { benchmarkRequests(b, keepAlive, workers, reusePort) })
			}
		}
	}
}

func benchmarkRequests(b *testing.B, keepAlive bool, workers int, reusePort bool) {
	b.Helper()
	const common = "socket = 127.0.0.1:0\ndisable-logging = true\n"
	several := startServer(b, fmt.Sprintf("%sprocesses = %d\nthreads = 1\nreuse-port = %t\n", common, workers, reusePort))
	one := startAlone(b, "disable-logging = true\n")
	var rates [2][]float64
	for b.Loop() {
		for i, s := range []*testServer{several, one} {
			rates[i] = append(rates[i], askFor(b, s.address, keepAlive, benchRound))
		}
	}
	workersRate, oneRate := median(rates[0]), median(rates[1])
	b.ReportMetric(workersRate, "workers-req/s")
	b.ReportMetric(oneRate, "one-req/s")
	b.ReportMetric(workersRate/oneRate, "ratio")
	most, least := balance(b, several, workers)
	b.ReportMetric(most, "most-req")
	b.ReportMetric(least, "least-req")
	several.stop()
	one.stop()
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}

// askFor sends requests on all connections for some time and returns the requests per second. It does as little as it can
// itself, because it shares the cores.
func askFor(b *testing.B, address string, keepAlive bool, d time.Duration) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	var answered atomic.Int64
	var asking sync.WaitGroup
	begun := time.Now()
	for range benchConnections {
		asking.Go(func() {
			if err := askAlong(ctx, address, keepAlive, &answered); err != nil {
				b.Error(err)
			}
		})
	}
	asking.Wait()
	return float64(answered.Load()) / time.Since(begun).Seconds()
}

func askAlong(ctx context.Context, address string, keepAlive bool, answered *atomic.Int64) error {
	for ctx.Err() == nil {
		conn, err := new(net.Dialer).DialContext(context.WithoutCancel(ctx), "tcp", address)
		if err != nil {
			return err
		}
		err = askOn(ctx, conn, keepAlive, answered)
		if err := conn.Close(); err != nil {
			return err
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// askOn sends requests on one connection. All answers are as long as the first one.
func askOn(ctx context.Context, conn net.Conn, keepAlive bool, answered *atomic.Int64) error {
	request := []byte("GET / HTTP/1.1\r\nHost: server\r\n\r\n")
	if !keepAlive {
		request = []byte("GET / HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n")
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	if !keepAlive {
		if _, err := io.Copy(io.Discard, conn); err != nil {
			return err
		}
		answered.Add(1)
		return nil
	}
	length, err := answerLength(conn)
	if err != nil {
		return err
	}
	answered.Add(1)
	answer := make([]byte, length)
	for ctx.Err() == nil {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, answer); err != nil {
			return err
		}
		answered.Add(1)
	}
	return nil
}

// answerLength reads an answer and returns its length in bytes.
func answerLength(conn net.Conn) (int, error) {
	var read bytes.Buffer
	r := textproto.NewReader(bufio.NewReaderSize(io.TeeReader(conn, &read), 16<<10))
	if _, err := r.ReadLine(); err != nil {
		return 0, err
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return 0, err
	}
	body, err := strconv.Atoi(header.Get("Content-Length"))
	if err != nil {
		return 0, err
	}
	_, err = io.CopyN(io.Discard, r.R, int64(body))
	return read.Len(), err
}

// balance returns the requests of the busiest and of the idlest worker, from their own metric files.
func balance(b *testing.B, s *testServer, workers int) (most, least float64) {
	b.Helper()
	var counts []float64
	for slot := 1; slot <= workers; slot++ {
		name := fmt.Sprintf("counter_w%d.db", slot)
		data, err := os.ReadFile(filepath.Join(s.metricsDir(), name))
		if err != nil {
			counts = append(counts, 0) // it has counted nothing
			continue
		}
		dir := b.TempDir()
		check(b, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		counts = append(counts, requestsIn(b, dir))
	}
	return slices.Max(counts), slices.Min(counts)
}

// requestsIn adds up the requests in a metrics directory.
func requestsIn(b *testing.B, dir string) float64 {
	b.Helper()
	collector := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer collector.Close()
	families, err := collector.Gather()
	check(b, err)
	sum := 0.0
	for _, family := range families {
		if family.GetName() == "http_requests_total" {
			for _, m := range family.GetMetric() {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}
