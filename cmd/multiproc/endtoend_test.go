package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// scrapeProtocols has, by job, the format that Prometheus is configured to ask for and the content type that it must get.
var scrapeProtocols = []struct{ job, protocol, contentType string }{
	{"text", "PrometheusText0.0.4", "text/plain; version=0.0.4"},
	{"openmetrics", "OpenMetricsText1.0.0", "application/openmetrics-text; version=1.0.0"},
	{"protobuf", "PrometheusProto", "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"},
}

const scrapeInterval = time.Second

// endToEnd is a server, a Prometheus that scrapes it in every format, and clients.
type endToEnd struct {
	*tracker
	t     *testing.T
	p     *prometheusServer
	load  *load
	began time.Time
}

// TestEndToEnd has a real Prometheus scrape the server every second for a minute, in each format, while clients send requests
// and workers are killed, reloaded and recycled. Afterwards Prometheus must agree with the clients and the database.
func TestEndToEnd(t *testing.T) {
	proctest.Long(t) // it takes a minute
	t.Parallel()
	ini := "socket = " + freeAddress(t) + "\ndatabase = transactions.db\nprocesses = 3\nmax-requests = 100\ndisable-logging = true\n"
	s := startServer(t, ini)
	e := &endToEnd{tracker: newTracker(s, filepath.Join(s.dir, "transactions.db")), t: t, load: startLoad(s)}
	witness := startWitness(s)
	e.p = startPrometheus(t, scrapeConfiguration(t, s.address, witness.address))
	e.startLoad()
	e.awaitScrapes(2)
	e.began = time.Now()
	e.disturb(time.Minute)
	e.load.stop()
	e.awaitNoneDraining()
	e.awaitScrapes(2)
	ended := time.Now()

	e.load.mustHaveLostNone()
	e.mustBeUp(ended)
	e.mustHaveReset(ended, nil)
	e.mustCountAsClients()
	e.mustBeAsOnThePage()
	witness.mustHaveSeenAll(t)

	// Counters begin again when the master starts, and only then. A counter that was higher before must show a reset.
	_, page := e.get("/metrics")
	before, err := countsOf(page)
	check(t, err)
	s.stop()
	next := startServer(t, ini, in(s.dir))
	e.tracker = &tracker{next, e.database, e.token}
	for number := range int64(2) {
		e.must(http.StatusCreated, "POST", transactionsPath, numbered(number))
	}
	e.awaitScrapes(2)
	_, page = e.get("/metrics")
	after, err := countsOf(page)
	check(t, err)
	reset := map[string]bool{}
	for series, value := range before {
		if now, there := after[series]; there && now < value {
			reset[series] = true
		}
	}
	e.mustHaveReset(time.Now(), reset)
	e.mustBeAsOnThePage()
	e.stop()
}

// scrapeConfiguration writes a Prometheus configuration to a directory: a job per format, and one per format that scrapes the
// witness.
func scrapeConfiguration(t *testing.T, address, witness string) (dir string) {
	t.Helper()
	text := "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
	for _, s := range scrapeProtocols {
		text += fmt.Sprintf("- {job_name: %s, scrape_protocols: [%s], static_configs: [{targets: [%q]}]}\n", s.job, s.protocol, address)
		text += fmt.Sprintf("- {job_name: witness-%s, metrics_path: /%[1]s, scrape_interval: 10s, scrape_protocols: [%s], "+
			"static_configs: [{targets: [%q]}]}\n", s.job, s.protocol, witness)
	}
	dir = t.TempDir()
	writeFile(t, filepath.Join(dir, "prometheus.yml"), text)
	return dir
}

// startLoad starts clients that send 80 requests a second together: half of them keep connections alive, half of them post.
func (e *endToEnd) startLoad() {
	var numbers atomic.Int64
	for i := range 8 {
		client := dialingClient("tcp", e.address, i%2 == 0)
		e.load.ask(100*time.Millisecond, i%2 == 0, func() error {
			if i/2%2 == 0 {
				_, err := e.getBy(client, "/")
				return err
			}
			r, err := e.try(client, "POST", transactionsPath, numbered(numbers.Add(1)))
			return wantCode(http.StatusCreated, r, err)
		})
	}
}

// disturb kills workers, and reloads by signal and by command in turn. The clients' requests exceed max-requests.
func (e *endToEnd) disturb(d time.Duration) {
	e.t.Helper()
	ticker := time.NewTicker(3 * time.Second)
	defer ticker.Stop()
	for turn := 0; time.Since(e.began) < d; turn++ {
		<-ticker.C
		switch turn % 4 {
		case 0, 2:
			// At a random moment between two scrapes, so that one may be in progress.
			<-time.After(rand.N(scrapeInterval))
			e.load.kill(e.awaitSeasoned(1)[0])
		case 1:
			status, err := e.status()
			check(e.t, err)
			e.signal(syscall.SIGHUP)
			e.await("the next generation", func(now master.Status) bool { return now.Generation > status.Generation })
		case 3:
			e.reload()
		}
	}
	recycled := e.log.Count(`msg="worker exited"`, "reason=requests")
	e.t.Logf("%d workers killed, %d recycled, %d generations", len(e.load.deaths), recycled, e.log.Count("new generation"))
	if recycled < 3 {
		e.t.Error("hardly any worker was recycled")
	}
}

// awaitScrapes waits until each job has scraped n more times.
func (e *endToEnd) awaitScrapes(n int) {
	e.t.Helper()
	from := time.Now()
	for deadline := from.Add(proctest.Patience); time.Now().Before(deadline); <-time.After(scrapeInterval / 5) {
		now := time.Now()
		scraped := e.p.query(now, fmt.Sprintf(`count_over_time(up{job!~"witness.*"}[%dms]) >= %d`, now.Sub(from).Milliseconds()+1, n))
		if len(scraped) == len(scrapeProtocols) {
			return
		}
	}
	e.t.Fatalf("not %d scrapes of each job within %s", n, proctest.Patience)
}

// since returns a PromQL range from the beginning to a time.
func (e *endToEnd) since(at time.Time) string {
	return fmt.Sprintf("[%dms]", at.Sub(e.began).Milliseconds())
}

// mustBeUp allows a failed scrape only for a scrape that a killed worker was answering: at most one per job and kill.
func (e *endToEnd) mustBeUp(at time.Time) {
	e.t.Helper()
	scrapes, allDown, longest := 0, 0, 0.0
	for _, s := range scrapeProtocols {
		up := e.p.query(at, fmt.Sprintf("up{job=%q}", s.job)+e.since(at))
		took := e.p.query(at, fmt.Sprintf("scrape_duration_seconds{job=%q}", s.job)+e.since(at))
		if len(up) != 1 || len(took) != 1 || len(up[0].Values) != len(took[0].Values) {
			e.t.Fatalf("job %s: %v %v", s.job, up, took)
		}
		if n, want := len(up[0].Values), int(at.Sub(e.began)/scrapeInterval); n < want*9/10 {
			e.t.Errorf("job %s has scraped %d times in %d s", s.job, n, want)
		}
		down := 0
		for i, point := range up[0].Values {
			scrapes++
			seconds := took[0].Values[i].value
			longest = max(longest, seconds)
			if point.value == 1 {
				continue
			}
			down++
			end := point.at.Add(time.Duration(seconds * float64(time.Second)))
			if !e.load.diedWithin(point.at, end.Add(10*time.Millisecond)) { // the times are rounded
				e.t.Errorf("job %s: a scrape failed at %s, after %g s, and no worker was killed", s.job, point.at, seconds)
			}
		}
		allDown += down
		if down > len(e.load.deaths) {
			e.t.Errorf("job %s: %d scrapes failed, at %d kills", s.job, down, len(e.load.deaths))
		}
	}
	e.t.Logf("up was 0 for %d of %d scrapes, at %d kills; the longest scrape took %.3f s", allDown, scrapes, len(e.load.deaths), longest)
}

// mustHaveReset checks that each of these counters was reset exactly once in each job, and no other counter was.
func (e *endToEnd) mustHaveReset(at time.Time, want map[string]bool) {
	e.t.Helper()
	counters, seen := e.p.counters(), map[string]int{}
	series := 0
	for _, counter := range counters {
		for _, found := range e.p.query(at, fmt.Sprintf(`resets(%s{job!~"witness.*"}%s)`, counter, e.since(at))) {
			found.Metric["__name__"] = counter
			name := found.name("job", "instance")
			series++
			switch {
			case want[name] && found.Value.value == 1:
				seen[name]++
			case want[name] || found.Value.value != 0:
				e.t.Errorf("job %s: %s was reset %g times (want it reset: %t)", found.Metric["job"], name, found.Value.value, want[name])
			}
		}
	}
	for name := range want {
		if seen[name] != len(scrapeProtocols) {
			e.t.Errorf("%s was reset in %d jobs", name, seen[name])
		}
	}
	e.t.Logf("%d series of %d counters, %d reset in each job", series, len(counters), len(want))
	if len(counters) < 10 || want != nil && len(want) < 10 {
		e.t.Error("these are too few")
	}
}

// mustCountAsClients compares the rate of requests with the clients' answers at times through the minute. rate() divides the
// increase between the first and the last scrape in its window by the time between them, so the answers are counted between
// the same scrapes.
func (e *endToEnd) mustCountAsClients() {
	e.t.Helper()
	const window = 30 * time.Second
	for _, s := range scrapeProtocols {
		for after := window + 2*time.Second; after < time.Minute; after += 5 * time.Second {
			at := e.began.Add(after)
			first, last := e.edges(s.job, at, window)
			for ; first.value == 0 || last.value == 0; first, last = e.edges(s.job, at, window) {
				at = at.Add(scrapeInterval) // rate() would extrapolate over a failed scrape at the edge
			}
			want := float64(e.load.between(first.at, last.at)) / last.at.Sub(first.at).Seconds()
			found := e.p.query(at, fmt.Sprintf(`sum(rate(http_requests_total{job=%q,route!="/metrics"}[%s]))`, s.job, window))
			if len(found) != 1 || math.Abs(found[0].Value.value/want-1) > 0.02 {
				e.t.Errorf("job %s, after %s: %v requests per second, the clients had %.2f answers per second", s.job, after, found, want)
				continue
			}
			e.t.Logf("job %s, after %s: %.2f requests per second, the clients had %.2f answers per second (%+.2f %%)",
				s.job, after, found[0].Value.value, want, 100*(found[0].Value.value/want-1))
		}
	}
}

// edges returns the first and the last scrape of a job in a window that ends at a time, and whether they succeeded.
func (e *endToEnd) edges(job string, at time.Time, window time.Duration) (first, last promPoint) {
	e.t.Helper()
	up := e.p.query(at, fmt.Sprintf("up{job=%q}[%s]", job, window))
	if len(up) != 1 || len(up[0].Values) < 2 {
		e.t.Fatalf("job %s at %s: %v", job, at, up)
	}
	return up[0].Values[0], up[0].Values[len(up[0].Values)-1]
}

// mustBeAsOnThePage checks that, without requests, all jobs have the same series, constant values equal the page's, and the
// gauge of transactions equals the database.
func (e *endToEnd) mustBeAsOnThePage() {
	e.t.Helper()
	_, first := e.get("/metrics")
	e.awaitScrapes(2)
	at := time.Now()
	_, second := e.get("/metrics")
	before, err := pageSeries(first)
	check(e.t, err)
	after, err := pageSeries(second)
	check(e.t, err)
	still := 0
	for _, s := range scrapeProtocols {
		found := map[string]float64{}
		for _, series := range e.p.query(at, fmt.Sprintf(`{job=%q,__name__!~"up|scrape_.*"}`, s.job)) {
			found[series.name("job", "instance")] = series.Value.value
		}
		if len(found) != len(before) {
			e.t.Errorf("job %s has %d series, on the page are %d", s.job, len(found), len(before))
		}
		for name, value := range before {
			got, there := found[name]
			if !there {
				e.t.Errorf("job %s has no %s", s.job, name)
			} else if value == after[name] && name != "http_requests_in_flight" && name != "go_goroutines" { // a scrape may or may not see another one
				still++
				if got != value {
					e.t.Errorf("job %s: %s is %g, on the page %g", s.job, name, got, value)
				}
			}
		}
		counted := e.counted()
		transactions := family(found, "api_transactions")
		if fmt.Sprint(transactions) != fmt.Sprint(counted) || sum(counted) == 0 {
			e.t.Errorf("job %s: api_transactions is %v, in the database are %v", s.job, transactions, counted)
		}
	}
	e.t.Logf("%d series, of which %d did not change, in each of %d jobs", len(before), still/len(scrapeProtocols), len(scrapeProtocols))
	if still/len(scrapeProtocols) < len(before)/2 {
		e.t.Error("these are too few")
	}
}

// witness forwards scrapes to a server and records the content type of each answer.
type witness struct {
	address string
	mu      sync.Mutex
	seen    map[string]string // content type by job
}

func startWitness(s *testServer) *witness {
	w := &witness{seen: map[string]string{}}
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.url("/metrics"), http.NoBody)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		request.Header = r.Header.Clone()
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		defer response.Body.Close()
		var body bytes.Buffer
		if _, err := io.Copy(&body, response.Body); err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		for _, name := range []string{"Content-Type", "Content-Encoding"} {
			rw.Header()[name] = response.Header[name]
		}
		_, _ = rw.Write(body.Bytes())
		w.mu.Lock()
		defer w.mu.Unlock()
		w.seen[strings.TrimPrefix(r.URL.Path, "/")] = response.Header.Get("Content-Type")
	}))
	s.tb.Cleanup(proxy.Close)
	w.address = proxy.Listener.Addr().String()
	return w
}

// mustHaveSeenAll checks that each job got its format.
func (w *witness) mustHaveSeenAll(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range scrapeProtocols {
		if got := w.seen[s.job]; !strings.HasPrefix(got, s.contentType) {
			t.Errorf("who asks for %s is given %q", s.protocol, got)
		}
	}
}
