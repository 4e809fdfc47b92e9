package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// exported is a server whose workers are another program, with the metrics at a socket of their own.
type exported struct {
	*testServer
	metrics string // path of the socket
	client  *http.Client
}

func startExported(t *testing.T, ini string, options ...func(*serverOptions)) *exported {
	t.Helper()
	metrics := filepath.Join(t.TempDir(), "m.sock")
	s := startServer(t, appINI(t)+"socket = 127.0.0.1:0\ndrain-idle = 0\ndisable-logging = true\nmetrics-socket = "+metrics+"\n"+ini, options...)
	return &exported{s, metrics, dialingClient("unix", metrics, false)}
}

// exporter waits until the only exporter is a ready one with none of these pids.
func (e *exported) exporter(others ...int) master.WorkerStatus {
	e.tb.Helper()
	s := e.await("an exporter", func(s master.Status) bool {
		return s.Exporter != nil && len(s.Exporter.Processes) == 1 && s.Exporter.Processes[0].State == master.StateReady &&
			!slices.Contains(others, s.Exporter.Processes[0].PID)
	})
	return s.Exporter.Processes[0]
}

func (e *exported) scrape(path string, header ...string) (code int, page string, err error) {
	request, err := http.NewRequest(http.MethodGet, "http://server"+path, nil) //nolint:noctx // the client has a timeout
	if err != nil {
		return 0, "", err
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := e.client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}

func (e *exported) mustScrape(series ...string) {
	e.tb.Helper()
	code, page, err := e.scrape("/metrics")
	if err != nil || code != http.StatusOK {
		e.tb.Fatalf("scrape: %d, %v", code, err)
	}
	for _, s := range series {
		if !strings.Contains(page, "\n"+s+"\n") {
			e.tb.Errorf("not on the page: %s", s)
		}
	}
}

func TestExporter(t *testing.T) {
	t.Parallel()
	e := startExported(t, "processes = 2\ndatabase = a.db\n")
	first := e.exporter()
	if first.ID != "exporter" || first.Slot != 0 {
		t.Errorf("the exporter is %+v", first)
	}
	runIn(t, e.dir, "", "populate", "--database", filepath.Join(e.dir, "a.db"), "--transactions", "10")
	e.wantVisit(http.StatusOK, "/pid", "")
	own := []string{`multiproc_workers{state="ready"} 2.0`, "multiproc_worker_starts_total 2.0", "multiproc_store_up 1.0", "# TYPE api_transactions gauge"}
	e.mustScrape(own...)
	for path, want := range map[string]int{"/pid": http.StatusNotFound, "/readyz": http.StatusOK, "/livez": http.StatusOK, "/": http.StatusNotFound} {
		if code, _, err := e.scrape(path); err != nil || code != want {
			t.Errorf("%s at metrics-socket: %d, %v; want %d", path, code, err, want)
		}
	}
	workers := e.workers()
	for _, pid := range workers {
		if env := proctest.Environ(t, pid); !slices.Contains(env, "LISTEN_FDNAMES=http") {
			t.Errorf("the program has %q", env)
		}
	}
	if out := runIn(t, e.dir, "", "status", "--ini", e.ini); !strings.Contains(out, "2 of 2 workers ready") ||
		!regexp.MustCompile(fmt.Sprintf(`\nexporter +%d +1 +ready `, first.PID)).MatchString(out) {
		t.Errorf("status:\n%s", out)
	}

	// The program does not notice its death.
	proctest.Kill(t, first.PID, syscall.SIGKILL)
	second := e.exporter(first.PID)
	if second.Restarts != 1 || second.LastExit == nil || second.LastExit.Reason != "crash" {
		t.Errorf("after a kill: %+v", second)
	}
	e.mustScrape(own...)
	if now := e.workers(); !slices.Equal(now, workers) {
		t.Errorf("workers %v, before %v", now, workers)
	}

	// A reload replaces it without a gap.
	stop, scraped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			if code, _, err := e.scrape("/metrics"); err != nil || code != http.StatusOK {
				scraped <- fmt.Errorf("scrape in a reload: %d, %w", code, err)
				return
			}
			select {
			case <-stop:
				scraped <- nil
				return
			default:
			}
		}
	}()
	e.reload()
	third := e.exporter(first.PID, second.PID)
	close(stop)
	check(t, <-scraped)
	if third.Generation != 2 {
		t.Errorf("after a reload: %+v", third)
	}
	e.mustScrape(own[0], "multiproc_worker_starts_total 4.0", `multiproc_worker_exits_total{reason="reload"} 2.0`)
	e.stop()
}

// TestExporterEndsLast scrapes while a worker drains.
func TestExporterEndsLast(t *testing.T) {
	t.Parallel()
	e := startExported(t, "vacuum = true\n")
	pid := e.exporter().PID
	slow := make(chan error, 1)
	go func() {
		code, err := ask("tcp", e.address, "/slow?for=1s")
		if code != http.StatusOK {
			err = fmt.Errorf("%d, %w", code, err)
		}
		slow <- err
	}()
	proctest.Eventually(t, "the request", func() bool {
		_, page, err := e.scrape("/metrics")
		return err == nil && strings.Contains(page, "\nhttp_requests_in_flight 1.0\n")
	})
	e.signal(syscall.SIGTERM)
	e.await("the drain", func(s master.Status) bool { return len(s.Workers) == 1 && s.Workers[0].State == master.StateDraining })
	e.mustScrape(`multiproc_workers{state="draining"} 1.0`)
	if code, _, err := e.scrape("/readyz"); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("readyz at metrics-socket: %d, %v", code, err)
	}
	check(t, <-slow)
	e.mustExit(0)
	e.log.Wait(t, e.done, "stopped", "workers_drained=1", "workers_cut=0")
	if proctest.Alive(pid) {
		t.Error("the exporter has not ended")
	}
	if _, err := os.Lstat(e.metrics); err == nil {
		t.Error("the file of metrics-socket remains")
	}
}

// TestExporterEndsScrapersConnection has a scraper that keeps its connection open, as Prometheus does, for longer than the exporter may
// drain in a stop.
func TestExporterEndsScrapersConnection(t *testing.T) {
	t.Parallel()
	e := startExported(t, "drain-idle = 60\n")
	e.exporter()
	conn, err := net.Dial("unix", e.metrics) //nolint:noctx // it does not wait
	check(t, err)
	defer conn.Close()
	_, err = io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: server\r\n\r\n")
	check(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	check(t, errors.Join(err, response.Body.Close()))
	e.signal(syscall.SIGTERM)
	e.mustExit(0)
	e.log.Wait(t, e.done, "worker exited", "worker=exporter", `how="exited with code 0"`)
	if n := e.log.Count("killing worker"); n > 0 {
		t.Error("the exporter was killed")
	}
}

// TestExporterFails has an exporter that cannot start: the program serves nevertheless, even after a reload. Once the cause is gone, the
// exporter serves, too.
func TestExporterFails(t *testing.T) {
	t.Parallel()
	e := startExported(t, "database = a.db\nmigrate = false\n")
	e.log.Wait(t, e.done, "worker exited unexpectedly", "worker=exporter")
	e.wantVisit(http.StatusOK, "/pid", "")
	e.reload()
	e.wantVisit(http.StatusOK, "/pid", "")
	e.await("a wait", func(s master.Status) bool { return s.Exporter != nil && s.Exporter.Waiting != nil })
	if out := runIn(t, e.dir, "", "status", "--ini", e.ini); !regexp.MustCompile(`\nexporter +- +- +starts in `).MatchString(out) {
		t.Errorf("status:\n%s", out)
	}
	runIn(t, e.dir, "", "migrate", "--database", filepath.Join(e.dir, "a.db"))
	e.exporter()
	e.mustScrape("multiproc_store_up 1.0")
	e.stop()
}

// TestExporterFollowsTheSettings adds and removes the exporter by reloads; it applies the keys of metrics-socket.
func TestExporterFollowsTheSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "token"), []byte("0123456789abcdef\n"), 0o600))
	metrics := filepath.Join(dir, "m.sock")
	program, own := appINI(t)+"socket = 127.0.0.1:0\n", "socket = 127.0.0.1:0\n"
	side := "metrics-socket = " + metrics + "\nmetrics-token-file = token\nmetrics-path = /m\n"
	s := startServer(t, own+side, in(dir))
	e := &exported{s, metrics, dialingClient("unix", metrics, false)}
	verify := func(when string) {
		t.Helper()
		for header, want := range map[string]int{"Accept: */*": http.StatusUnauthorized, "Authorization: Bearer 0123456789abcdef": http.StatusOK} {
			if code, page, err := e.scrape("/m", header); err != nil || code != want {
				t.Errorf("%s: %d, %v; want %d\n%s", when, code, err, want, page)
			}
		}
	}
	verify("own workers")
	s.writeINI(program + side)
	s.reload()
	pid := e.exporter().PID
	verify("another program")
	s.writeINI(own + side)
	s.reload()
	s.await("no exporter", func(s master.Status) bool { return s.Exporter == nil })
	verify("own workers again")
	if proctest.Alive(pid) {
		t.Error("the exporter has not ended")
	}
	s.writeINI(program)
	s.reload()
	s.awaitNoneDraining()
	if !refused("unix", metrics) {
		t.Error("metrics-socket is still open")
	}
	s.stop()
}

// TestIdleKeys has every key of multiproc's own workers, with values that would stop them from serving. check says that they have no effect
// on a program.
func TestIdleKeys(t *testing.T) {
	t.Parallel()
	keys := []string{
		"metrics-path = /pid", "metrics-token-file = /nonexistent/token", "metrics-max-series = 1", "database = /nonexistent/a.db",
		"database-synchronous = normal", "database-timeout = 1ms", "disable-logging = true", "allowed-hosts = nobody", "trusted-proxies = 127.0.0.1",
		"max-connections = 1", "buffer-size = 1k", "limit-post = 1", "http-timeout = 1ms", "socket-timeout = 1ms", "harakiri = 1ms",
		"harakiri-graceful-timeout = 1ms", "max-requests = 1", "max-requests-delta = 0", "drain-idle = 0",
	}
	s := startServer(t, appINI(t)+"socket = 127.0.0.1:0\n"+strings.Join(keys, "\n")+"\n")
	_, notes, code := s.run("check", "--ini", s.ini)
	if n := strings.Count(notes, "has no effect on command"); code != exitOK || n != len(keys) {
		t.Errorf("%d keys have no effect, of %d; %d\n%s", n, len(keys), code, notes)
	}
	pid := s.workers()[0]
	for range 3 {
		if code, body := s.get("/pid"); code != http.StatusOK || body != fmt.Sprintln(pid) {
			t.Errorf("%d %q", code, body)
		}
	}
	s.reload()
	s.stop()
}
