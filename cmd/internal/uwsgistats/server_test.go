package uwsgistats

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/handoff"
	"multiproc/worker/requests"
)

// start starts a server on a unix socket, and returns its hooks and a function that connects to it.
func start(t *testing.T, overHTTP bool, dir string, log io.Writer) (s *Server, hooks master.Hooks, dial func() net.Conn) {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), "stats"))
	if err != nil {
		t.Fatal(err)
	}
	s = New([]net.Listener{l}, overHTTP, dir, slog.New(slog.NewTextHandler(log, nil)))
	hooks = s.Join(master.Hooks{Started: func(handoff.Identity) {}, Status: func(master.Status) {}})
	return s, hooks, func() net.Conn {
		t.Helper()
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
}

// TestIdleClients has more clients than are served, which do not read a page larger than the buffer of a socket, or send no request.
// They delay neither hooks nor Close, which ends their connections.
func TestIdleClients(t *testing.T) {
	t.Parallel()
	for _, overHTTP := range []bool{false, true} {
		s, hooks, dial := start(t, overHTTP, t.TempDir(), io.Discard)
		var status master.Status
		for slot := range handoff.Slot(1000) {
			status.Workers = append(status.Workers, master.WorkerStatus{Slot: slot + 1, ID: fmt.Sprintf("w%d", slot+1), State: "ready"})
		}
		hooks.Status(status)
		first := dial()
		if !overHTTP {
			if _, err := io.ReadFull(first, make([]byte, 1)); err != nil { // the server is writing
				t.Fatal(err)
			}
		}
		for range maxConnections + 1 {
			dial()
		}
		begun := time.Now()
		hooks.Started(handoff.Identity{Slot: 1, ID: "w1"})
		hooks.Status(status)
		s.Close()
		_, _ = io.Copy(io.Discard, first) // until the connection ends
		if took := time.Since(begun); took >= clientTimeout/2 {
			t.Errorf("over HTTP %t: it took %s", overHTTP, took)
		}
	}
}

// TestWithoutMetrics has a faulty metric file and then no metrics directory. There are no counters then, which is logged once.
func TestWithoutMetrics(t *testing.T) {
	t.Parallel()
	dir, log := filepath.Join(t.TempDir(), "metrics"), &proctest.Log{}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	count := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: requests.Total, Help: "Help."}, []string{"code"}))
	count.WithLabelValues("200").Inc()
	if err := os.WriteFile(filepath.Join(dir, "counter_w9.db"), []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, hooks, dial := start(t, false, dir, log)
	defer s.Close()
	hooks.Status(master.Status{Workers: []master.WorkerStatus{{Slot: 1, ID: "w1", PID: 7, State: "ready"}}})
	mustCount := func(want uint64) {
		t.Helper()
		var p Page
		if err := json.NewDecoder(dial()).Decode(&p); err != nil || len(p.Workers) != 1 || p.Workers[0].PID != 7 || p.Workers[0].Requests != want {
			t.Errorf("%+v, %v; want %d requests", p, err, want)
		}
	}
	mustCount(1)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	mustCount(0)
	mustCount(0)
	if n := log.Count("stats cannot read the metric files"); n != 1 {
		t.Errorf("logged %d times\n%s", n, log)
	}
}
