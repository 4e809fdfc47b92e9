package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"multiproc/store"
)

// BenchmarkInserts has 32 clients post single transactions to 4 workers and, in turn, a loop commit single transactions on
// one connection to its own database with the same triggers. One iteration is a round of both. It reports the medians of the
// rates, their ratio, and the 99th percentile of the response time.
func BenchmarkInserts(b *testing.B) {
	s := startServer(b, "socket = 127.0.0.1:0\nprocesses = 4\ndisable-logging = true\ndatabase = transactions.db\n")
	runIn(b, s.dir, "", "populate", "--ini", s.ini, "--transactions", "100")
	stdout, stderr, code := s.run("token", "create", "--ini", s.ini, "bench")
	if code != 0 {
		b.Fatal(stderr)
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	poster := newPoster(s.address, lines[len(lines)-1])
	loop := openLoop(b)

	var posted, looped []float64
	for b.Loop() {
		posted = append(posted, poster.round(b))
		looped = append(looped, loop.round(b))
	}
	slices.Sort(poster.times)
	b.ReportMetric(median(posted), "posted/s")
	b.ReportMetric(median(looped), "loop/s")
	b.ReportMetric(median(posted)/median(looped), "ratio")
	b.ReportMetric(float64(poster.times[len(poster.times)*99/100].Microseconds())/1000, "p99-ms")
	s.stop()
}

// poster posts transactions on benchConnections connections. It does as little as it can itself, because it shares the cores.
type poster struct {
	address string
	request []byte
	times   []time.Duration
}

func newPoster(address, token string) *poster {
	const body = `{"api":"Mpesa Express","status":"Pending","amount":"12.50"}`
	return &poster{address: address, request: fmt.Appendf(nil, "POST /api/v1/transactions HTTP/1.1\r\nHost: server\r\n"+
		"Authorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", token, len(body), body)}
}

// round posts for a while and returns the transactions per second.
func (p *poster) round(b *testing.B) float64 {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), benchRound)
	defer cancel()
	var mu sync.Mutex
	var times []time.Duration
	var posting sync.WaitGroup
	begun := time.Now()
	for range benchConnections {
		posting.Go(func() {
			own, err := p.post(ctx)
			if err != nil {
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
		})
	}
	posting.Wait()
	p.times = append(p.times, times...)
	return float64(len(times)) / time.Since(begun).Seconds()
}

// post posts on one connection, one after the other, and returns how long each took.
func (p *poster) post(ctx context.Context) (times []time.Duration, err error) {
	conn, err := new(net.Dialer).DialContext(context.WithoutCancel(ctx), "tcp", p.address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for ctx.Err() == nil {
		asked := time.Now()
		if _, err := conn.Write(p.request); err != nil {
			return nil, err
		}
		if err := readCreated(r); err != nil {
			return nil, err
		}
		times = append(times, time.Since(asked))
	}
	return times, nil
}

// readCreated reads an answer that must be 201.
func readCreated(r *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 201 ")) {
			return fmt.Errorf("answered %q", line)
		}
		if text, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(text))); err != nil {
				return err
			}
		}
		if len(line) == len("\r\n") {
			_, err := r.Discard(length)
			return err
		}
	}
}

// loop is the baseline: a program that commits each transaction by itself.
type loop struct{ conn *sql.Conn }

func openLoop(b *testing.B) *loop {
	b.Helper()
	path := filepath.Join(b.TempDir(), "loop.db")
	if _, _, err := store.Migrate(b.Context(), path, store.Options{}); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open("sqlite3", "file:"+path+"?_foreign_keys=on&_synchronous=full&_stmt_cache_size=16")
	check(b, err)
	conn, err := db.Conn(b.Context())
	check(b, err)
	b.Cleanup(func() {
		_ = conn.Close()
		_ = db.Close()
	})
	l := &loop{conn}
	l.exec(b, `INSERT INTO apis (name, description, params) VALUES ('Mpesa Express', '', '{}')`)
	l.exec(b, `INSERT INTO transaction_statuses (name, description) VALUES ('Pending', '')`)
	return l
}

func (l *loop) exec(b *testing.B, query string, args ...any) {
	b.Helper()
	if _, err := l.conn.ExecContext(context.WithoutCancel(b.Context()), query, args...); err != nil {
		b.Fatal(err)
	}
}

// round commits for a while and returns the transactions per second.
func (l *loop) round(b *testing.B) float64 {
	b.Helper()
	begun, n := time.Now(), 0
	for ; time.Since(begun) < benchRound; n++ {
		now := time.Now().UnixMicro()
		l.exec(b, `INSERT INTO transactions (amount, api_id, status_id, time_created, time_modified) VALUES (125000, 1, 1, ?, ?)`, now, now)
	}
	return float64(n) / time.Since(begun).Seconds()
}
