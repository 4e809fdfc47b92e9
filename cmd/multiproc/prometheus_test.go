package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// startEventful starts a server with the ini of multiproc init, on a free port, and makes everything happen that its metrics
// count.
func startEventful(t *testing.T) *testServer {
	t.Helper()
	ini, err := os.ReadFile(filepath.Join(initDir(t), "multiproc.ini"))
	check(t, err)
	database := filepath.Join(t.TempDir(), "multiproc.db")
	own := strings.NewReplacer("127.0.0.1:8000", "127.0.0.1:0", "/var/lib/multiproc/multiproc.db", database, "auto\n", "2\n")
	s := startServer(t, own.Replace(string(ini)))
	k := newTracker(s, database)
	k.post(1)
	k.must(http.StatusNotFound, "GET", "/nowhere", "")
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	s.reload()
	s.awaitNoneDraining()

	// Metrics that appear only when something is wrong: a file that was removed, a file of another kind, and a family that another
	// source already has.
	check(t, os.Remove(filepath.Join(s.metricsDir(), "counter_master.db")))
	proctest.Eventually(t, "the removed file is counted", func() bool { return s.valueOf("multiproc_metric_files_recreated_total") == 1 })
	check(t, os.WriteFile(filepath.Join(s.metricsDir(), "other.db"), []byte("not a metric file"), 0o600))
	w, err := mpmetrics.NewWriter(s.metricsDir(), "other", mpmetrics.WriterOptions{})
	check(t, err)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "multiproc_store_up", Help: "Another."}, mpmetrics.ModeMax)).Set(1)
	check(t, w.Close())
	return s
}

// TestMetricsOfRulesExist looks on the page for every metric of the rules and the dashboard.
func TestMetricsOfRulesExist(t *testing.T) {
	t.Parallel()
	_, page := startEventful(t).get("/metrics")
	there := map[string]bool{"up": true} // Prometheus' own
	for line := range strings.Lines(page) {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		there[name] = true
	}
	for _, record := range regexp.MustCompile(`(?m)^ *- record: ([\w:]+)$`).FindAllStringSubmatch(readRules(t), -1) {
		there[record[1]] = true
	}
	expressions := ruleExpressions(t)
	if rules := strings.Count(readRules(t), " expr:"); len(expressions) != rules {
		t.Errorf("%d expressions in %d rules", len(expressions), rules)
	}
	d := readDashboard(t)
	expressions = append(expressions, d.expressions()...)
	for _, v := range d.Templating.List {
		if _, inside, ok := strings.Cut(string(v.Query), "label_values("); ok {
			metric, _, _ := strings.Cut(inside, ",")
			expressions = append(expressions, metric)
		}
	}
	for _, expr := range expressions {
		names := metricNames(expr)
		if len(names) == 0 {
			t.Errorf("no metric in %s", expr)
		}
		for _, name := range names {
			if !there[name] {
				t.Errorf("%s is not on the page; used by %s", name, expr)
			}
		}
	}
	if t.Failed() {
		t.Logf("the page:\n%s", page)
	}
}

// TestReasonsOfRules checks that every exit reason in the alerts exists.
func TestReasonsOfRules(t *testing.T) {
	source, err := os.ReadFile("../../master/internal/fleet/worker.go")
	check(t, err)
	found := regexp.MustCompile(`reason=~?"([^"]*)"`).FindAllStringSubmatch(readRules(t), -1)
	if len(found) == 0 {
		t.Error("no reasons")
	}
	for _, reasons := range found {
		for reason := range strings.SplitSeq(reasons[1], "|") {
			if !regexp.MustCompile(`Reason\w+ +Reason = "` + reason + `"`).Match(source) {
				t.Errorf("no worker ends for the reason %q", reason)
			}
		}
	}
}

// prometheusVersion is the first one whose configuration has scrape_protocols.
const prometheusVersion = "2.49"

// prometheusServer is a Prometheus that a test started.
type prometheusServer struct {
	t       *testing.T
	address string
}

// startPrometheus starts a Prometheus with the configuration in a directory, and waits until it is ready.
func startPrometheus(t *testing.T, dir string) *prometheusServer {
	t.Helper()
	path := proctest.Tool(t, "prometheus", prometheusVersion)
	p := &prometheusServer{t, freeAddress(t)}
	cmd := commandIn(t, dir, path, "--config.file=prometheus.yml", "--storage.tsdb.path="+t.TempDir(), "--web.listen-address="+p.address)
	log, err := os.Create(filepath.Join(t.TempDir(), "prometheus.log"))
	check(t, err)
	cmd.Stdout, cmd.Stderr = log, log
	check(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
		if text, err := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("log of Prometheus: %v\n%s", err, text)
		}
	})
	proctest.Eventually(t, "an answer of Prometheus", func() bool {
		var ready string
		return p.get("/api/v1/query?query=1", &struct{ ResultType *string }{&ready}) == nil
	})
	return p
}

// get requests data from the API.
func (p *prometheusServer) get(path string, data any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.t.Context()), proctest.Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.address+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer := struct {
		Status, Error string
		Data          any
	}{Data: data}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return fmt.Errorf("%s: %w", response.Status, err)
	}
	if answer.Status != "success" {
		return errors.New(answer.Error)
	}
	return nil
}

type prometheusRule struct{ Name, Type, Health, LastError string }

func (p *prometheusServer) rules() []prometheusRule {
	p.t.Helper()
	var data struct {
		Groups []struct{ Rules []prometheusRule }
	}
	check(p.t, p.get("/api/v1/rules", &data))
	var all []prometheusRule
	for _, group := range data.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

// TestPrometheus has a real Prometheus watch a real server with the files of multiproc init: every rule can be evaluated, and
// no panel of the dashboard is empty.
func TestPrometheus(t *testing.T) {
	t.Parallel()
	proctest.Long(t) // it runs a Prometheus
	s := startEventful(t)
	dir := initDir(t)
	path := filepath.Join(dir, "prometheus.yml")
	text, err := os.ReadFile(path)
	check(t, err)
	// As it is, except for the address and the interval.
	text = []byte(strings.NewReplacer("127.0.0.1:8000", s.address, ": 15s", ": 200ms").Replace(string(text)))
	check(t, os.WriteFile(path, text, 0o600))
	began := time.Now()
	p := startPrometheus(t, dir)
	proctest.Eventually(t, "a scrape", func() bool { return len(p.query(time.Now(), `up{job="multiproc"} == 1`)) == 1 })
	proctest.Eventually(t, "all rules evaluated", func() bool {
		return !slices.ContainsFunc(p.rules(), func(r prometheusRule) bool { return r.Health == "unknown" })
	})
	rules := p.rules()
	if want := len(ruleExpressions(t)); len(rules) != want {
		t.Errorf("%d rules, want %d", len(rules), want)
	}
	for _, r := range rules {
		if r.Health != "ok" {
			t.Errorf("rule %s: %s %s", r.Name, r.Health, r.LastError)
		}
	}
	for _, expr := range readDashboard(t).expressions() {
		proctest.Eventually(t, "something to show for "+expr, func() bool {
			s.get("/") // rates need requests between scrapes
			return len(p.query(time.Now(), expr)) > 0
		})
	}
	t.Logf("after %s", time.Since(began).Round(time.Millisecond))
}
