package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// load sends requests to a server as long as a test wants, and records what failed.
type load struct {
	tb       testing.TB
	stopping chan struct{}
	workers  sync.WaitGroup
	answered atomic.Int64

	mu       sync.Mutex
	failures []string
	last     time.Time     // between two answers
	longest  time.Duration // without an answer
}

// client is one source of the load.
type client struct {
	network   string // tcp or unix
	address   string
	keepAlive bool
	post      bool
	path      string
}

// startLoad starts a goroutine per client. They stop at stop or at the end of the test.
func startLoad(tb testing.TB, clients []client) *load {
	tb.Helper()
	l := &load{tb: tb, stopping: make(chan struct{})}
	for _, c := range clients {
		l.workers.Go(func() { l.ask(c) })
	}
	tb.Cleanup(func() { l.stop() })
	return l
}

// allKinds returns clients with and without keep-alive, half of each with POST.
func allKinds(network, address, getPath, postPath string) []client {
	var clients []client
	for _, keepAlive := range []bool{true, false} {
		clients = append(clients,
			client{network, address, keepAlive, false, getPath},
			client{network, address, keepAlive, true, postPath})
	}
	return clients
}

func (l *load) ask(c client) {
	asking := dialingClient(c.network, c.address, c.keepAlive)
	defer asking.CloseIdleConnections()
	body := bytes.Repeat([]byte("x"), 1000)
	// At full speed the load would take the processors from the reloads and starts that it is to meet, and so meet fewer.
	pace := time.NewTicker(10 * time.Millisecond)
	defer pace.Stop()
	for {
		select {
		case <-l.stopping:
			return
		case <-pace.C:
		}
		if err := l.once(asking, c, body); err != nil {
			l.fail(fmt.Sprintf("%s keep-alive=%t post=%t: %v", c.network, c.keepAlive, c.post, err))
		} else {
			l.succeed()
		}
	}
}

func (l *load) succeed() {
	l.answered.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if !l.last.IsZero() {
		l.longest = max(l.longest, now.Sub(l.last))
	}
	l.last = now
}

func (l *load) once(asking *http.Client, c client, body []byte) error {
	method, reader := http.MethodGet, io.Reader(http.NoBody)
	if c.post {
		// No request that net/http could retry by itself.
		method, reader = http.MethodPost, io.MultiReader(bytes.NewReader(body))
	}
	request, err := http.NewRequestWithContext(context.WithoutCancel(l.tb.Context()), method, "http://server"+c.path, reader)
	if err != nil {
		return err
	}
	response, err := doOnce(asking, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s", response.Status)
	}
	if c.post && !bytes.Equal(answer, body) {
		return fmt.Errorf("another answer than what was sent: %d bytes", len(answer))
	}
	return nil
}

func (l *load) fail(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, text)
}

// stop ends the load and waits for the last answers.
func (l *load) stop() {
	l.mu.Lock()
	select {
	case <-l.stopping:
	default:
		close(l.stopping)
	}
	l.mu.Unlock()
	l.workers.Wait()
}

// mustNotFail ends the load and fails the test if any request failed.
func (l *load) mustNotFail(s *testServer) {
	l.tb.Helper()
	l.stop()
	if len(l.failures) > 0 {
		l.tb.Errorf("%d of %d requests failed:\n%s\n%s", len(l.failures), l.answered.Load()+int64(len(l.failures)),
			strings.Join(l.failures[:min(10, len(l.failures))], "\n"), s.log)
	}
	if l.answered.Load() == 0 {
		l.tb.Error("no request was answered")
	}
	l.tb.Logf("%d requests answered", l.answered.Load())
}
