package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestKilledWorkers kills workers one after another under load. Only clients whose connection a killed worker had may notice,
// and no counter may ever go back, whichever worker is asked.
func TestKilledWorkers(t *testing.T) {
	t.Parallel()
	kills := proctest.Rounds(4, 10)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 3\n"+appINI(t))
	storm := &storm{server: s, stopping: make(chan struct{})}
	storm.asking.Go(storm.scrape)
	for range 3 {
		storm.asking.Go(storm.keepAsking)
		storm.asking.Go(storm.askOnce)
	}
	t.Cleanup(storm.stop)

	for range kills {
		// A worker that has served long enough that its death is not an early one.
		var victim int
		s.await("a worker that has served for a second", func(status master.Status) bool {
			for _, w := range status.Workers {
				if w.State == "ready" && time.Since(w.Started) > 3*time.Second/2 && status.Ready() == status.Target {
					victim = w.PID
				}
			}
			return victim != 0
		})
		killed := storm.kill(victim)
		s.awaitReplaced(victim)
		t.Logf("replaced after %s", time.Since(killed).Round(time.Millisecond))
		// Between two kills there is time in which nothing may fail.
		storm.awaitAnswers(200)
	}
	storm.stop()
	for _, failure := range storm.failures {
		t.Error(failure)
	}
	t.Logf("%d requests answered, %d failed with the worker that had them, %d scrapes",
		storm.answered.Load(), storm.lost.Load(), storm.scrapes.Load())
	if storm.scrapes.Load() < 10 {
		t.Error("hardly any scrapes")
	}
	if t.Failed() {
		t.Logf("log:\n%s", s.log)
	}

	// However many workers there were, the files are those of the slots.
	name := regexp.MustCompile(`^(counter|summary|histogram|gauge_[a-z]+)_(w[1-3]|master)\.db$`)
	entries, err := os.ReadDir(s.metricsDir())
	check(t, err)
	for _, entry := range entries {
		if strings.HasSuffix(entry.Name(), ".db") && !name.MatchString(entry.Name()) {
			t.Errorf("a file of no slot is left: %s", entry.Name())
		}
	}
	s.stop()
}

// storm is a set of clients that know which worker they talk to and when one was killed.
type storm struct {
	server   *testServer
	stopping chan struct{}
	stopOnce sync.Once
	asking   sync.WaitGroup
	answered atomic.Int64
	lost     atomic.Int64 // requests that a killed worker had
	scrapes  atomic.Int64

	mu       sync.Mutex
	kills    []killing
	failures []string
}

// killing is the death of a worker: from from on it may have been dead, at to it was.
type killing struct {
	pid      int
	from, to time.Time
}

func (s *storm) stop() {
	s.stopOnce.Do(func() { close(s.stopping) })
	s.asking.Wait()
}

func (s *storm) stopped() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// kill kills a worker.
func (s *storm) kill(pid int) time.Time {
	from := time.Now()
	s.mu.Lock()
	s.kills = append(s.kills, killing{pid: pid, from: from})
	s.mu.Unlock()
	proctest.Kill(s.server.tb, pid, syscall.SIGKILL)
	proctest.AwaitGone(s.server.tb, pid)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kills[len(s.kills)-1].to = time.Now()
	return from
}

func (s *storm) awaitAnswers(n int64) {
	from := s.answered.Load()
	proctest.Eventually(s.server.tb, "answers", func() bool { return s.answered.Load() >= from+n })
}

// failed judges a request without an answer, sent to the worker with this pid, or to an unknown one if it is 0.
func (s *storm) failed(pid int, began time.Time, err error) {
	ended := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.kills {
		if pid == k.pid || pid == 0 && !ended.Before(k.from) && (k.to.IsZero() || !began.After(k.to)) {
			s.lost.Add(1)
			return
		}
	}
	s.failures = append(s.failures, fmt.Sprintf("worker %d, not killed: %v", pid, err))
}

func (s *storm) fail(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

// keepAsking sends requests on kept-alive connections, and so knows the worker.
func (s *storm) keepAsking() {
	for !s.stopped() {
		began := time.Now()
		if pid, err := s.askOnOne(); err != nil {
			s.failed(pid, began, err)
		}
	}
}

// askOnOne connects and sends requests until the connection ends, or long enough that later workers get clients, too.
func (s *storm) askOnOne() (pid int, err error) {
	conn, err := new(net.Dialer).DialContext(context.WithoutCancel(s.server.tb.Context()), "tcp", s.server.address)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(proctest.Patience)); err != nil {
		return 0, err
	}
	reader := bufio.NewReader(conn)
	for range 100 {
		if s.stopped() {
			return pid, nil
		}
		if pid, err = s.askHere(conn, reader, pid); err != nil {
			return pid, err
		}
	}
	return pid, nil
}

// askHere asks which worker has a connection, which cannot change.
func (s *storm) askHere(conn net.Conn, reader *bufio.Reader, pid int) (int, error) {
	if _, err := io.WriteString(conn, "GET /pid HTTP/1.1\r\nHost: server\r\n\r\n"); err != nil {
		return pid, err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return pid, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return pid, err
	}
	of, err := strconv.Atoi(strings.TrimSpace(string(body)))
	if err != nil || pid != 0 && of != pid {
		return pid, fmt.Errorf("%s: %q on a connection of worker %d", response.Status, body, pid)
	}
	s.answered.Add(1)
	return of, nil
}

// askOnce sends each request on a new connection.
func (s *storm) askOnce() {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: proctest.Patience}
	for !s.stopped() {
		began := time.Now()
		if _, err := s.get(&client, "/pid"); err != nil {
			s.failed(0, began, err)
			continue
		}
		s.answered.Add(1)
	}
}

func (s *storm) get(client *http.Client, path string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.server.tb.Context()), proctest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.server.url(path), nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(response.Status)
	}
	return string(body), err
}

// scrape reads the metrics again and again, from any worker.
func (s *storm) scrape() {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: proctest.Patience}
	last := map[string]float64{}
	for !s.stopped() {
		began := time.Now()
		text, err := s.get(&client, "/metrics")
		if err != nil {
			s.failed(0, began, err)
			continue
		}
		counts, err := countsOf(text)
		if err != nil {
			s.fail("scrape: %v", err)
			return
		}
		for series, before := range last {
			if now, ok := counts[series]; !ok || now < before {
				s.fail("%s is %g (there: %t), was %g", series, now, ok, before)
			}
		}
		maps.Copy(last, counts)
		s.scrapes.Add(1)
	}
	if len(last) == 0 {
		s.fail("the metrics count nothing")
	}
}

// countsOf returns the values of all counters.
func countsOf(text string) (map[string]float64, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	counts := map[string]float64{}
	for name, family := range families {
		for _, m := range family.GetMetric() {
			series := name + fmt.Sprint(m.GetLabel())
			switch family.GetType() {
			case dto.MetricType_COUNTER:
				counts[series] = m.GetCounter().GetValue()
			case dto.MetricType_HISTOGRAM:
				counts[series+" sum"] = m.GetHistogram().GetSampleSum()
				counts[series+" count"] = float64(m.GetHistogram().GetSampleCount())
				for _, b := range m.GetHistogram().GetBucket() {
					counts[fmt.Sprintf("%s le=%g", series, b.GetUpperBound())] = float64(b.GetCumulativeCount())
				}
			}
		}
	}
	return counts, nil
}

// valueOf returns the value of a series without labels, or NaN if it is absent.
func (s *testServer) valueOf(series string) float64 {
	s.tb.Helper()
	_, text := s.get("/metrics")
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name == series {
			v, err := strconv.ParseFloat(value, 64)
			check(s.tb, err)
			return v
		}
	}
	return math.NaN()
}

// TestKilledMaster kills the master and with it the reader of the log. The workers answer their requests and exit, and
// nothing is left that blocks the next server.
func TestKilledMaster(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{"own worker": "", "command": appINI(t)} {
		t.Run(name, func(t *testing.T) { testKilledMaster(t, command) })
	}
}

func testKilledMaster(t *testing.T, command string) {
	t.Helper()
	dir := t.TempDir()
	ini := "socket = " + freeAddress(t) + "\nsocket = " + filepath.Join(dir, "http.sock") + "\nprocesses = 2\ndrain-idle = 1\n" + command
	s := startServer(t, ini)
	workers := s.workers()

	// A request is in progress when the worker finds out that the master is dead.
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(proctest.Patience)))
	if _, err := io.WriteString(conn, "GET /readyz HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	slow := newSlow(s)
	if command != "" {
		slow.start(4, 2*time.Second)
	}

	check(t, s.stderr.Close())
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	proctest.AwaitGone(t, s.cmd.Process.Pid)
	if _, err := io.WriteString(conn, "Host: server\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("the request that had begun: %v", err)
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		t.Fatalf("the request that had begun: %v", err)
	}
	slow.wait()
	for _, err := range slow.failures {
		t.Errorf("a request that was being handled: %v", err)
	}
	proctest.AwaitGone(t, workers...)

	// With the same addresses, control socket and metrics directory.
	gone := time.Now()
	next := startServer(t, ini, func(o *serverOptions) { o.dir = s.dir })
	t.Logf("the next server is ready after %s", time.Since(gone).Round(time.Millisecond))
	if code, body := next.get("/readyz"); code != http.StatusOK {
		t.Errorf("%d %s", code, body)
	}
	next.stop()
}

// slow is a set of slow requests.
type slow struct {
	server   *testServer
	asking   sync.WaitGroup
	answered atomic.Int64

	mu       sync.Mutex
	failures []error
}

func newSlow(s *testServer) *slow {
	w := &slow{server: s}
	s.tb.Cleanup(w.asking.Wait)
	return w
}

// start sends requests that take this long to the application of the tests, and waits until all are being handled.
func (w *slow) start(n int, d time.Duration) {
	s := w.server
	s.tb.Helper()
	storm := &storm{server: s}
	for range n {
		w.asking.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			if _, err := storm.get(&client, "/slow?for="+d.String()); err != nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.failures = append(w.failures, err)
				return
			}
			w.answered.Add(1)
		})
	}
	proctest.Eventually(s.tb, "all requests in flight", func() bool {
		return s.valueOf("http_requests_in_flight") >= float64(n+1) // this connection, too
	})
}

// wait waits until every request has been answered or has failed.
func (w *slow) wait() { w.asking.Wait() }
