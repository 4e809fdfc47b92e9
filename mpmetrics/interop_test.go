package mpmetrics_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// TestPythonReads has prometheus_client expose the files of Writers. Its page must equal ours.
func TestPythonReads(t *testing.T) {
	t.Parallel()
	requirePython(t)
	for _, test := range []struct {
		name  string
		write func(t *testing.T, w *mpmetrics.Writer, process int)
	}{
		{"all types", writeAllTypes},
		{"all modes", writeAllModes},
		{"awkward texts", writeAwkwardTexts},
		{"growth", writeManySeries},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for process, id := range []string{"master", "w1", "w1-1", "host.3"} {
				w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
				check(t, err)
				// Python counts live gauges while their files exist, this library while their process does.
				t.Cleanup(func() {
					check(t, w.Close())
				})
				test.write(t, w, process)
			}
			comparePages(t, dir)
		})
	}
}

func writeAllTypes(_ *testing.T, w *mpmetrics.Writer, process int) {
	n := float64(process)
	mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "plain_total", Help: "Plain."})).Add(n + 0.1)
	mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "untouched_total", Help: "Help."}))
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
		Namespace: "ns", Subsystem: "sub", Name: "labelled_total", Help: "Labelled.",
		ConstLabels: prometheus.Labels{"always": "same"},
	}, []string{"zone", "app"}))
	counters.WithLabelValues("z", "a").Add(n * 1e9)
	counters.WithLabelValues("z", fmt.Sprint(process)).Inc()
	mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "summary_bytes", Help: "Summary."})).Observe(n + 0.5)
	bounds := []float64{-1, 0, 0.001, 1, 1e6, 1e21}
	if process == 3 {
		bounds = []float64{-0.5, 0, 1, 7} // of another version of the program
	}
	histograms := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{
		Name: "histogram_seconds", Help: "Histogram.", Buckets: bounds,
	}, []string{"zone"}))
	for _, v := range []float64{-2, -1, 0, 0.001, 0.5, 1, 2, 1e6, 1e20, 1e22, math.Inf(+1)} {
		histograms.WithLabelValues("a").Observe(v)
		histograms.WithLabelValues(fmt.Sprint(process)).Observe(v * n)
	}
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "untouched_seconds", Help: "Help."}))
}

// writeAllModes makes the processes differ in their values and their series.
func writeAllModes(_ *testing.T, w *mpmetrics.Writer, process int) {
	for mode := mpmetrics.ModeAll; mode <= mpmetrics.ModeLiveMostRecent; mode++ {
		gauges := mpmetrics.Must(w.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gauge_" + mode.String(), Help: "Of mode " + mode.String() + ".",
		}, mode, []string{"kind"}))
		gauges.WithLabelValues("small").Set([]float64{-7.5, 0, 3, 1e-9}[process])
		gauges.WithLabelValues("large").Set([]float64{1e300, math.Inf(+1), 12345678, -1e21}[process])
		gauges.WithLabelValues("counted").Add(float64(2 - process))
		gauges.WithLabelValues("unset")
		if process == 2 {
			gauges.WithLabelValues("one process").Set(-1)
			gauges.WithLabelValues("not a number").Set(math.NaN())
		}
		plain := mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "plain_" + mode.String(), Help: "Help."}, mode))
		if process < 2 {
			plain.Set(float64(process))
		}
	}
}

func writeAwkwardTexts(_ *testing.T, w *mpmetrics.Writer, _ int) {
	texts := []string{
		"", " ", `"`, `\`, `\\n`, "a\nb", "\r", "\t\b\f\x00\x1f\x7f", "ü", "☃\u2028", "𝄞", "{x=\"y\"}", "a,b=", "</a>&", "\uffff",
		"trailing ", strings.Repeat("long ", 1000), "1234567", "12345678", "123456789", // all paddings
		"123456", "12345", "1234", "123",
	}
	for i, text := range texts {
		help := text
		if strings.ContainsAny(text, "\r") || strings.TrimSpace(text) != text {
			help = "" // the parser of pages trims white space
		}
		counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{
			Name: fmt.Sprintf("awkward_%d_total", i), Help: help,
		}, []string{"text"}))
		for _, value := range texts {
			counters.WithLabelValues(value).Inc()
		}
		histograms := mpmetrics.Must(w.NewHistogramVec(prometheus.HistogramOpts{
			Name: fmt.Sprintf("awkward_%d_seconds", i), Help: help, Buckets: []float64{1},
		}, []string{"a", "z"}))
		histograms.WithLabelValues(text, text).Observe(2)
	}
}

func writeManySeries(_ *testing.T, w *mpmetrics.Writer, process int) {
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "many_total", Help: "Many."}, []string{"id"}))
	for i := range 1500 + 100*process {
		counters.WithLabelValues(fmt.Sprintf("%0100d", i)).Add(float64(i))
	}
}

// TestPythonContinues has prometheus_client continue the files of a closed Writer, and the next Writer continue those.
func TestPythonContinues(t *testing.T) {
	t.Parallel()
	requirePython(t)
	dir := t.TempDir()
	write := func() {
		w, err := mpmetrics.NewWriter(dir, "77", mpmetrics.WriterOptions{})
		check(t, err)
		defer w.Close()
		counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "both_total", Help: "Both."}, []string{"l"}))
		counters.WithLabelValues("ü \"both\"\n").Add(2)
		counters.WithLabelValues("go").Add(3)
		h := mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "Both.", Buckets: []float64{1, 2.5}}))
		h.Observe(2)
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "Both."}, mpmetrics.ModeMax)).Add(1)
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "r", Help: "Both."}, mpmetrics.ModeMostRecent)).Set(8)
	}
	const continues = `
import os, sys
os.getpid = lambda: 77
from prometheus_client import Counter, Gauge, Histogram
c = Counter("both", "Both.", ["l"])
c.labels('ü "both"\n').inc(5)
c.labels("python").inc(7)
for i in range(1000):
    c.labels("%0100d" % i).inc(i)
Histogram("h", "Both.", buckets=[1, 2.5]).observe(3)
Gauge("g", "Both.", multiprocess_mode="max").inc(10)
Gauge("r", "Both.", multiprocess_mode="mostrecent").set(9)
`
	want := map[string]float64{}
	grow := func(amounts map[string]float64) {
		t.Helper()
		for sample, v := range amounts {
			want[sample] += v
		}
		checkSamples(t, want, comparePages(t, dir))
	}
	both := "both_total{l=\"ü \\\"both\\\"\\n\"}"
	byGo := map[string]float64{
		both: 2, `both_total{l="go"}`: 3, `h_bucket{le="1"}`: 0, `h_bucket{le="2.5"}`: 1,
		`h_bucket{le="+Inf"}`: 1, "h_sum{}": 2, "h_count{}": 1, "g{}": 1, "r{}": 8,
	}
	byPython := map[string]float64{
		both: 5, `both_total{l="python"}`: 7, `h_bucket{le="+Inf"}`: 1, "h_sum{}": 3, "h_count{}": 1, "g{}": 10, "r{}": 1, // from 8 to 9
	}
	for i := range 1000 {
		byPython[fmt.Sprintf("both_total{l=%q}", fmt.Sprintf("%0100d", i))] = float64(i)
	}

	write()
	grow(byGo)
	python(t, dir, continues)
	grow(byPython)
	write()
	byGo["r{}"] = -1 // from 9 to 8
	grow(byGo)
	python(t, dir, continues)
	grow(byPython)
}

// TestPythonFilesContinued has a Writer continue files that prometheus_client made, and prometheus_client look up and add keys
// afterwards.
func TestPythonFilesContinued(t *testing.T) {
	t.Parallel()
	requirePython(t)
	dir := t.TempDir()
	python(t, dir, `
import os, sys
os.getpid = lambda: 78
from prometheus_client import Counter
c = Counter("both", "Both.", ["b", "a"])
c.labels("b", "a").inc(5)
c.labels("", "☃").inc(7)
`)
	w, err := mpmetrics.NewWriter(dir, "78", mpmetrics.WriterOptions{})
	check(t, err)
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "both_total", Help: "Both."}, []string{"a", "b"}))
	counters.WithLabelValues("a", "b").Add(1)
	counters.WithLabelValues("☃", "").Add(1)
	counters.WithLabelValues("new", "").Add(1)
	check(t, w.Close())
	want := map[string]float64{
		`both_total{a="a",b="b"}`: 6, `both_total{a="☃",b=""}`: 8, `both_total{a="new",b=""}`: 1,
	}
	checkSamples(t, want, comparePages(t, dir))

	got := python(t, dir, `
import os
from prometheus_client.mmap_dict import MmapedDict, mmap_key
d = MmapedDict(os.path.join(os.environ["PROMETHEUS_MULTIPROC_DIR"], "counter_78.db"))
key = mmap_key("both", "both_total", ["a", "b"], ["new", ""], "Both.")
value, time = d.read_value(key)
d.write_value(key, value + 10, 0)
d.read_value(mmap_key("both", "both_total", ["a", "b"], ["newer", ""], "Both."))
print(len(list(d.read_all_values())))
d.close()
`)
	if strings.TrimSpace(string(got)) != "4" {
		t.Errorf("prometheus_client finds %s entries, want 4", got)
	}
	want[`both_total{a="new",b=""}`] = 11
	want[`both_total{a="newer",b=""}`] = 0
	checkSamples(t, want, comparePages(t, dir))
}

// comparePages compares our page of a directory with prometheus_client's, and returns it.
func comparePages(t *testing.T, dir string) page {
	t.Helper()
	own := pageOfDir(t, dir)
	theirs := parsePage(t, python(t, dir, `
import os, sys
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
registry = CollectorRegistry()
multiprocess.MultiProcessCollector(registry)
sys.stdout.buffer.write(generate_latest(registry))
`))
	if diff := cmp.Diff(theirs, own, equateNaN, equateSums); diff != "" {
		t.Errorf("page differs (-prometheus_client +mpmetrics):\n%s", diff)
	}
	if len(own.Samples) == 0 {
		t.Error("nothing on the pages")
	}
	return own
}

// TestParsers has prometheus_client's parsers, promtool and Prometheus read pages of gathered families with exemplars and units.
func TestParsers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "own_total", Help: "Own."})).Add(2)
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "own_seconds", Help: "Own."})).Observe(2)
	beside := &gatherer{families: []*dto.MetricFamily{gaugeFamily("own", 1)}} // which own_total would be in OpenMetrics
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{exemplary(t), beside}})
	t.Cleanup(c.Close)
	page := func(format expfmt.Format) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "page")
		var text bytes.Buffer
		check(t, c.Write(&text, format))
		check(t, os.WriteFile(path, text.Bytes(), 0o600))
		return path
	}
	t.Run("prometheus_client", func(t *testing.T) {
		t.Parallel()
		requirePython(t)
		const program = `
import sys
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics
text = {s.name for f in parser.text_string_to_metric_families(open(%q).read()) for s in f.samples if s.exemplar is None}
families = list(openmetrics.text_string_to_metric_families(open(%q).read()))
print("missing:", sorted({s.name for f in families for s in f.samples} - text - {"events_total"}))
print("units:", sorted((f.name, f.unit) for f in families if f.unit))
for f in families:
    for s in f.samples:
        if s.exemplar:
            print(s.name, s.labels.get("le"), len(s.exemplar.labels.get("trace_id", "")), s.exemplar.value, s.exemplar.timestamp is not None)
`
		want := strings.Join([]string{
			"missing: []",
			"units: [('disk_io_seconds', 'seconds'), ('free_bytes', 'bytes'), ('sent_bytes', 'bytes'), ('took_seconds', 'seconds')]",
			"dated_total None 5 2.5 True", "events_total None 0 1.0 True", "misdated_total None 8 2.5 False", "sent_bytes_total None 6 5.0 True",
			"took_seconds_bucket 1.0 120 0.5 True", "took_seconds_bucket +Inf 1 9.0 True", "undated_total None 7 2.5 False", "",
		}, "\n")
		got := string(python(t, dir, fmt.Sprintf(program, page(expfmt.FmtText), page(expfmt.FmtOpenMetrics_1_0_0))))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("promtool", func(t *testing.T) {
		t.Parallel()
		promtool := proctest.Tool(t, "promtool", "")
		text, err := os.Open(page(expfmt.FmtText))
		check(t, err)
		defer text.Close()
		cmd := exec.CommandContext(t.Context(), promtool, "check", "metrics", "--extended")
		cmd.Stdin = text
		if out, err := cmd.CombinedOutput(); bytes.Contains(out, []byte("error")) || cmd.ProcessState.ExitCode() == 1 {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("Prometheus", func(t *testing.T) {
		t.Parallel()
		proctest.Long(t)
		path := proctest.Tool(t, "prometheus", "2.49")
		target := httptest.NewServer(c)
		t.Cleanup(target.Close)
		config := filepath.Join(t.TempDir(), "prometheus.yml")
		check(t, os.WriteFile(config, []byte("scrape_configs:\n- job_name: a\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n"+
			"  scrape_protocols: [OpenMetricsText1.0.0]\n  static_configs: [{targets: ['"+target.Listener.Addr().String()+"']}]\n"), 0o600))
		log := &proctest.Log{}
		cmd := exec.CommandContext(t.Context(), path, "--config.file="+config, "--storage.tsdb.path="+t.TempDir(),
			"--web.listen-address=127.0.0.1:0", "--enable-feature=exemplar-storage")
		cmd.Stdout, cmd.Stderr = log, log
		check(t, cmd.Start())
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if t.Failed() {
				t.Logf("log of Prometheus:\n%s", log)
			}
		})
		_, address, _ := strings.Cut(log.Wait(t, nil, `msg="Listening on"`), "address=")
		query := func(path string) string {
			response, err := http.Get("http://" + address + path) //nolint:noctx // the test's end stops Prometheus
			if err != nil {
				return err.Error()
			}
			defer response.Body.Close()
			return body(t, response.Body)
		}
		proctest.Eventually(t, "a scrape", func() bool { return strings.Contains(query(`/api/v1/query?query=up`), `"1"]`) })
		now := time.Now().Unix()
		for selector, want := range map[string]string{
			"sent_bytes_total":    `#b"},"value":"5"`, // Prometheus 2.53 leaves the escapes before it as they are
			"took_seconds_bucket": `"trace_id":"9"},"value":"9"`,
		} {
			proctest.Eventually(t, "the exemplar of "+selector, func() bool {
				return strings.Contains(query(fmt.Sprintf("/api/v1/query_exemplars?query=%s&start=%d&end=%d", selector, now-600, now+600)), want)
			})
		}
		if metadata := query("/api/v1/metadata?metric=free_bytes"); !strings.Contains(metadata, `"unit":"bytes"`) {
			t.Errorf("the unit: %s", metadata)
		}
	})
}

// requirePython skips a test unless there is a prometheus_client with the 16-byte layout, which came with 0.18.
func requirePython(t *testing.T) {
	t.Helper()
	proctest.Long(t)
	out, err := pythonCommand(t, t.TempDir(), "from prometheus_client.mmap_dict import _pack_two_doubles").CombinedOutput()
	if err != nil {
		proctest.Missing(t, fmt.Sprintf("python3 has no prometheus_client >= 0.18 (%v), not in MULTIPROC_TEST_PROMETHEUS_CLIENT either:\n%s",
			err, out))
	}
}

func python(t *testing.T, dir, program string) []byte {
	t.Helper()
	cmd := pythonCommand(t, dir, program)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v\n%s", err, &stderr)
	}
	return out
}

func pythonCommand(t *testing.T, dir, program string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "python3", "-c", program)
	cmd.Env = append(os.Environ(), "PROMETHEUS_MULTIPROC_DIR="+dir, "PYTHONDONTWRITEBYTECODE=1", "PYTHONIOENCODING=utf-8")
	if path := os.Getenv("MULTIPROC_TEST_PROMETHEUS_CLIENT"); path != "" {
		cmd.Env = append(cmd.Env, "PYTHONPATH="+path)
	}
	return cmd
}

// TestPromtool: Prometheus' own linter accepts the page, including the families that the library adds.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		proctest.Missing(t, "no promtool in PATH")
	}
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "requests_total", Help: "Requests."}, []string{"code"})).
		WithLabelValues("a\n\"b\"\\ü").Inc()
	mpmetrics.Must(w.NewHistogram(prometheus.HistogramOpts{Name: "duration_seconds", Help: "Durations."})).Observe(1)
	mpmetrics.Must(w.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Help: "Sizes."})).Observe(1)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "busy", Help: "Busy processes."}, mpmetrics.ModeAll)).Set(1)
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "temperature_celsius", Help: "Warmth."}, mpmetrics.ModeMostRecent)).Set(1e9)
	check(t, os.WriteFile(dir+"/other.db", []byte("not a metric file"), 0o600))
	text := scrape(t, dir)
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = bytes.NewReader(text)
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s\nof the page:\n%s", err, out, text)
	}
}
