package mpmetrics_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/prometheus/client_golang/prometheus/promhttp/zstd" // without it promhttp does not offer zstd
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"multiproc/mpmetrics"
)

// get scrapes with headers, given as name, value, name, value, and so on.
func get(t *testing.T, h http.Handler, target string, headers ...string) *http.Response {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder.Result()
}

func body(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	check(t, err)
	return string(b)
}

const namesDir = "../testdata/conformance/h16/names"

// promhttpHandler is the model for negotiation.
var promhttpHandler = promhttp.HandlerFor(prometheus.NewRegistry(), promhttp.HandlerOpts{EnableOpenMetrics: true})

func TestHandlerFormats(t *testing.T) {
	c := mpmetrics.NewCollector(namesDir, mpmetrics.CollectorOptions{})
	defer c.Close()
	const proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="
	for _, test := range []struct{ name, accept, has string }{
		{"nothing asked for", "", "# TYPE data_bytes_total counter\ndata_bytes_total 6.0\n"},
		{"anything", "*/*", "data_bytes_total 6.0\n"},
		{"text", "text/plain;version=0.0.4", "ns_temp_celsius 2.0\n"},
		{"any text", "text/*", "ns_temp_celsius 2.0\n"},
		{"OpenMetrics", "application/openmetrics-text;version=1.0.0;q=0.7,text/plain;q=0.5", "# TYPE data_bytes counter\ndata_bytes_total 6.0\n"},
		{"OpenMetrics of old", "application/openmetrics-text;version=0.0.1", "# EOF\n"},
		{"UTF-8 names", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8", "# EOF\n"},
		{"by quality", "application/openmetrics-text;version=1.0.0;q=0.2,text/plain;version=0.0.4;q=0.5", "# TYPE data_bytes_total counter\n"},
		{"protobuf", proto + "delimited", "data_bytes_total"},
		{"protobuf as text", proto + "text", `name:`},
		{"nonsense", "image/png;;;", "data_bytes_total 6.0\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			theirs := get(t, promhttpHandler, "/metrics", "Accept", test.accept)
			defer theirs.Body.Close()
			ours := get(t, c, "/metrics", "Accept", test.accept)
			defer ours.Body.Close()
			if got, want := ours.Header.Get("Content-Type"), theirs.Header.Get("Content-Type"); got != want {
				t.Errorf("Content-Type %s, promhttp has %s", got, want)
			}
			if text := body(t, ours.Body); !strings.Contains(text, test.has) {
				t.Errorf("no %q in:\n%s", test.has, text)
			}
		})
	}
}

// TestProtobufEqualsText reads both formats with client_golang's own parsers.
func TestProtobufEqualsText(t *testing.T) {
	for _, dir := range []string{"gauges", "histograms", "escapes", "r00", "r01", "r02"} {
		c := mpmetrics.NewCollector("../testdata/conformance/h16/"+dir, mpmetrics.CollectorOptions{})
		r := get(t, c, "/metrics", "Accept", string(expfmt.FmtProtoDelim))
		var families []*dto.MetricFamily
		decoder := expfmt.NewDecoder(r.Body, expfmt.FmtProtoDelim)
		for {
			var f dto.MetricFamily
			if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			families = append(families, &f)
		}
		if diff := cmp.Diff(parsePage(t, scrapeWith(t, c)), pageOf(families), equateNaN); diff != "" {
			t.Errorf("%s (-text +protobuf):\n%s", dir, diff)
		}
		check(t, r.Body.Close())
		c.Close()
	}
}

func TestHandlerEncodings(t *testing.T) {
	c := mpmetrics.NewCollector("../testdata/conformance/h16/growth", mpmetrics.CollectorOptions{})
	defer c.Close()
	want := string(scrapeWith(t, c))
	for accept, encoding := range map[string]string{
		"": "", "identity": "", "gzip": "gzip", "zstd": "zstd", "gzip, zstd": "gzip", "gzip;q=0.5, zstd;q=0.8": "zstd",
		"gzip;q=0": "", "br": "", "identity;q=0.1, gzip ; q=0.2": "gzip",
	} {
		r := get(t, c, "/metrics", "Accept-Encoding", accept)
		if got := r.Header.Get("Content-Encoding"); got != encoding {
			t.Errorf("%q: Content-Encoding %q, want %q", accept, got, encoding)
			continue
		}
		var reader io.Reader = r.Body
		var err error
		switch encoding {
		case "gzip":
			reader, err = gzip.NewReader(r.Body)
		case "zstd":
			reader, err = zstd.NewReader(r.Body)
		}
		check(t, err)
		if got := body(t, reader); got != want {
			t.Errorf("%q: %d bytes differ from the %d of the plain page", accept, len(got), len(want))
		}
		check(t, r.Body.Close())
	}
}

func TestHandlerNames(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "other_total", Help: "h"}))
	c := mpmetrics.NewCollector(namesDir, mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{registry}})
	defer c.Close()
	families := func(query string) []string {
		r := get(t, c, "/metrics?"+query, "Accept", "application/openmetrics-text;version=1.0.0")
		defer r.Body.Close()
		var found []string
		for line := range strings.Lines(body(t, r.Body)) {
			if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
				name, _, _ = strings.Cut(name, " ")
				found = append(found, name)
			}
		}
		return found
	}
	for query, want := range map[string][]string{
		"":                        {"d_seconds", "data_bytes", "ns_sub_hits", "ns_temp_celsius", "other"},
		"name[]=data_bytes_total": {"data_bytes"},
		"name[]=data_bytes":       {"data_bytes"},
		"name[]=d_seconds":        {"d_seconds"},
		"name[]=d_seconds_bucket": {"d_seconds"},
		"name[]=other_total&name[]=ns_temp_celsius": {"ns_temp_celsius", "other"},
		"name[]=nothing": nil,
		"name=d_seconds": {"d_seconds", "data_bytes", "ns_sub_hits", "ns_temp_celsius", "other"},
	} {
		checkEqual(t, want, families(query), "%s", query)
	}
}

func TestHandlerMethods(t *testing.T) {
	c := mpmetrics.NewCollector(namesDir, mpmetrics.CollectorOptions{})
	defer c.Close()
	server := httptest.NewServer(c)
	defer server.Close()
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405, "DELETE": 405} {
		for _, encoding := range []string{"identity", "gzip"} {
			request, err := http.NewRequestWithContext(t.Context(), method, server.URL, nil)
			check(t, err)
			request.Header.Set("Accept-Encoding", encoding)
			r, err := server.Client().Do(request)
			check(t, err)
			text := body(t, r.Body)
			check(t, r.Body.Close())
			if r.StatusCode != want || (len(text) > 0) == (method == "HEAD") {
				t.Errorf("%s: %s, %d bytes", method, r.Status, len(text))
			}
		}
	}
}

// gatherer is a prometheus.Gatherer with fixed results.
type gatherer struct {
	families []*dto.MetricFamily
	err      error
}

func (g *gatherer) Gather() ([]*dto.MetricFamily, error) { return g.families, g.err }

func gaugeFamily(name string, v float64) *dto.MetricFamily {
	return &dto.MetricFamily{
		Name: &name, Help: new("Help."), Type: dto.MetricType_GAUGE.Enum(),
		Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &v}}},
	}
}

// TestGatherers: the page is in the order of names, the first source of a family wins, and a failing source hides nothing.
func TestGatherers(t *testing.T) {
	var log bytes.Buffer
	broken := &gatherer{families: []*dto.MetricFamily{gaugeFamily("a_first", 1)}, err: errors.New("no database")}
	other := &gatherer{families: []*dto.MetricFamily{
		gaugeFamily("a_first", 2), gaugeFamily("ns_temp_celsius", 99), gaugeFamily("z_last", 3), {Name: new("no_metrics")},
	}}
	c := mpmetrics.NewCollector(namesDir, mpmetrics.CollectorOptions{
		Logger:    slog.New(slog.NewTextHandler(&log, nil)),
		Gatherers: []prometheus.Gatherer{broken, other},
	})
	defer c.Close()
	scrape := func() string {
		r := get(t, c, "/metrics")
		defer r.Body.Close()
		return body(t, r.Body)
	}
	scrape()
	text := scrape()
	for _, want := range []string{
		"# HELP a_first Help.\n# TYPE a_first gauge\na_first 1.0\n# HELP d_seconds",
		"\nns_temp_celsius 2.0\n# HELP z_last",
		"\nmultiproc_metric_families_duplicate 2.0\n",
		"\nz_last 3.0\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for line, want := range map[string]int{
		`msg="gathering metrics failed" error="no database"`:                 1,
		`msg="duplicate metric family, first source shown" family=a_first`:   1,
		`msg="duplicate metric family, first source shown" family=ns_temp_c`: 1,
	} {
		if got := strings.Count(log.String(), line); got != want {
			t.Errorf("%d times %s in the log:\n%s", got, line, &log)
		}
	}
	families, err := c.Gather()
	if err == nil || err.Error() != "no database" || len(families) != 7 {
		t.Errorf("Gather: %d families, %v", len(families), err)
	}
	broken.err = nil
	scrape()
	broken.err = errors.New("no database")
	scrape()
	if got := strings.Count(log.String(), "no database"); got != 2 {
		t.Errorf("a repeated error is %d times in the log:\n%s", got, &log)
	}
}

// TestGathererTypes compares the text of gathered families with that of expfmt, which differs only in its numbers.
func TestGathererTypes(t *testing.T) {
	registry := prometheus.NewRegistry()
	labels := prometheus.Labels{"l": "a\n\"\\b"}
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "c_total", Help: "C \\ \n.", ConstLabels: labels})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "g", Help: "G."})
	summary := prometheus.NewSummary(prometheus.SummaryOpts{Name: "s", Help: "S.", Objectives: map[float64]float64{0.5: 0.1}})
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Help: "H.", ConstLabels: labels})
	untyped := prometheus.NewUntypedFunc(prometheus.UntypedOpts{Name: "u", Help: "U."}, func() float64 { return 1e9 })
	utf8 := prometheus.NewGauge(prometheus.GaugeOpts{Name: "name.with.dots", Help: "N.", ConstLabels: prometheus.Labels{"l.l": "v"}})
	registry.MustRegister(counter, gauge, summary, histogram, untyped, utf8)
	counter.Add(1e6)
	gauge.Set(-2)
	summary.Observe(3)
	histogram.Observe(0.3)
	utf8.Set(5)
	c := mpmetrics.NewCollector(t.TempDir(), mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{registry}})
	defer c.Close()
	families, err := registry.Gather()
	check(t, err)
	for _, format := range []expfmt.Format{
		expfmt.FmtText, expfmt.FmtText + "; escaping=allow-utf-8", expfmt.FmtText + "; escaping=dots", expfmt.FmtText + "; escaping=values",
	} {
		var ours, theirs bytes.Buffer
		check(t, c.Write(&ours, format))
		encoder := expfmt.NewEncoder(&theirs, format)
		for _, f := range families {
			check(t, encoder.Encode(f))
		}
		if diff := cmp.Diff(parsePage(t, theirs.Bytes()), parsePage(t, ours.Bytes()), equateNaN); diff != "" {
			t.Errorf("%s (-expfmt +mpmetrics):\n%s", format, diff)
		}
	}
	var text bytes.Buffer
	check(t, c.Write(&text, expfmt.FmtOpenMetrics_1_0_0))
	for _, want := range []string{
		"# HELP c C \\\\ \\n.\n# TYPE c counter\nc_total{l=\"a\\n\\\"\\\\b\"} 1e+06\n",
		"h_bucket{l=\"a\\n\\\"\\\\b\",le=\"5.0\"} 1.0\n",
		"# TYPE u unknown\nu 1e+09\n",
		"s{quantile=\"0.5\"} 3.0\n",
		"\ng -2.0\n",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no %q in:\n%s", want, &text)
		}
	}
}

// exemplary returns families with exemplars and units: as client_golang makes them, and as any program can.
func exemplary(t *testing.T) prometheus.Gatherer {
	t.Helper()
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "sent_bytes_total", Help: "Sent.", Unit: "bytes"})
	plain := prometheus.NewCounter(prometheus.CounterOpts{Name: "events", Help: "A counter without the suffix."}) //nolint:promlinter // on purpose
	histogram := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "took_seconds", Help: "Durations.", Unit: "seconds", Buckets: []float64{1, 2}, ConstLabels: prometheus.Labels{"l": "v"},
	})
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "free_bytes", Help: "Free.", Unit: "bytes"})
	other := prometheus.NewGauge(prometheus.GaugeOpts{Name: "used", Help: "Its name has no unit.", Unit: "bytes"})
	joined := prometheus.NewGauge(prometheus.GaugeOpts{Name: "usedbytes", Help: "Its name ends in the unit, but not in the word.", Unit: "bytes"})
	dotted := prometheus.NewGauge(prometheus.GaugeOpts{Name: "disk.io_seconds", Help: "UTF-8.", Unit: "seconds"})
	registry.MustRegister(counter, plain, histogram, gauge, other, joined, dotted)
	long := strings.Repeat("ü", 121)
	counter.(prometheus.ExemplarAdder).AddWithExemplar(5, prometheus.Labels{"trace_id": "a\n\"\\#b"})
	plain.(prometheus.ExemplarAdder).AddWithExemplar(1, prometheus.Labels{})
	histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(0.5, prometheus.Labels{"trace_id": long[:2*120]})
	histogram.(prometheus.ExemplarObserver).ObserveWithExemplar(9, prometheus.Labels{"trace.id": "9"})
	at := time.UnixMilli(1_700_000_000_123)
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := registry.Gather()
		exemplar := func(label string) *dto.Exemplar {
			return &dto.Exemplar{Label: []*dto.LabelPair{{Name: new("trace_id"), Value: &label}}, Value: new(2.5), Timestamp: timestamppb.New(at)}
		}
		named := func(name string, e *dto.Exemplar) *dto.MetricFamily {
			return &dto.MetricFamily{
				Name: &name, Help: new("Help."), Type: dto.MetricType_COUNTER.Enum(),
				Metric: []*dto.Metric{{Counter: &dto.Counter{Value: new(1.0), Exemplar: e}, TimestampMs: new(at.UnixMilli())}},
			}
		}
		undated, misdated := exemplar("undated"), exemplar("misdated")
		undated.Timestamp, misdated.Timestamp = nil, &timestamppb.Timestamp{Nanos: -1}
		return append(families, named("dated_total", exemplar("dated")), named("undated_total", undated), named("misdated_total", misdated),
			named("long_total", exemplar(long))), err
	})
}

// TestGathererExemplars: OpenMetrics has the exemplars and units of gathered families as far as parsers accept them, and no other
// format of text has any.
func TestGathererExemplars(t *testing.T) {
	c := mpmetrics.NewCollector(t.TempDir(), mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{exemplary(t)}})
	defer c.Close()
	var page bytes.Buffer
	check(t, c.Write(&page, expfmt.FmtOpenMetrics_1_0_0+"; escaping=allow-utf-8"))
	got := regexp.MustCompile(`1[78]\d{8}\.\d+\n`).ReplaceAllString(page.String(), "TIME\n")
	want := strings.Join([]string{
		"# HELP dated Help.", "# TYPE dated counter",
		`dated_total 1.0 1700000000.123 # {trace_id="dated"} 2.5 TIME`,
		"# HELP \"disk.io_seconds\" UTF-8.", "# TYPE \"disk.io_seconds\" gauge", "# UNIT \"disk.io_seconds\" seconds", `{"disk.io_seconds"} 0.0`,
		"# HELP events A counter without the suffix.", "# TYPE events counter", "events_total 1.0 # {} 1.0 TIME",
		"# HELP free_bytes Free.", "# TYPE free_bytes gauge", "# UNIT free_bytes bytes", "free_bytes 0.0",
		"# HELP long Help.", "# TYPE long counter", "long_total 1.0 TIME",
		"# HELP misdated Help.", "# TYPE misdated counter", `misdated_total 1.0 1700000000.123 # {trace_id="misdated"} 2.5`,
		"# HELP sent_bytes Sent.", "# TYPE sent_bytes counter", "# UNIT sent_bytes bytes",
		`sent_bytes_total 5.0 # {trace_id="a\n\"\\#b"} 5.0 TIME`,
		"# HELP took_seconds Durations.", "# TYPE took_seconds histogram", "# UNIT took_seconds seconds",
		`took_seconds_bucket{l="v",le="1.0"} 1.0 # {trace_id="` + strings.Repeat("ü", 120) + `"} 0.5 TIME`,
		`took_seconds_bucket{l="v",le="2.0"} 1.0`, `took_seconds_bucket{l="v",le="+Inf"} 2.0 # {"trace.id"="9"} 9.0 TIME`,
		`took_seconds_sum{l="v"} 9.5`, `took_seconds_count{l="v"} 2.0`,
		"# HELP undated Help.", "# TYPE undated counter", `undated_total 1.0 1700000000.123 # {trace_id="undated"} 2.5`,
		"# HELP used Its name has no unit.", "# TYPE used gauge", "used 0.0",
		"# HELP usedbytes Its name ends in the unit, but not in the word.", "# TYPE usedbytes gauge", "usedbytes 0.0",
		"# EOF", "",
	}, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("OpenMetrics (-want +got):\n%s", diff)
	}
	page.Reset()
	check(t, c.Write(&page, expfmt.FmtOpenMetrics_1_0_0+"; escaping=underscores"))
	for _, want := range []string{"# UNIT disk_io_seconds seconds\ndisk_io_seconds 0.0\n", `2.0 # {trace_id="9"} 9.0`} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("no %q in:\n%s", want, &page)
		}
	}
	for _, accept := range []string{"", "*/*", "text/plain", "text/plain;version=0.0.4;escaping=allow-utf-8", "text/plain;version=1.0.0"} {
		r := get(t, c, "/metrics", "Accept", accept)
		text := body(t, r.Body)
		check(t, r.Body.Close())
		if strings.Contains(text, " # {") || strings.Contains(text, "# UNIT") || strings.Contains(text, "# EOF") {
			t.Errorf("%q: a page of text has an exemplar or a unit:\n%s", accept, text)
		}
	}
	// Through a registry and in protobuf, nothing is lost.
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	want2, err := exemplary(t).Gather()
	check(t, err)
	for name, g := range map[string]prometheus.Gatherer{"the Collector": c, "a registry": registry} {
		families, err := g.Gather()
		check(t, err)
		units, exemplars := 0, 0
		for _, f := range families {
			if f.GetUnit() != "" {
				units++
			}
			for _, m := range f.GetMetric() {
				if m.GetCounter().GetExemplar() != nil {
					exemplars++
				}
				for _, b := range m.GetHistogram().GetBucket() {
					if b.GetExemplar() != nil {
						exemplars++
					}
				}
			}
		}
		if len(families) != len(want2) || units != 6 || exemplars != 8 {
			t.Errorf("%s: %d families, %d units, %d exemplars", name, len(families), units, exemplars)
		}
	}
}

// TestExemplarNamesOnce: an exemplar with a duplicate label name is left out. Escaping creates no duplicates.
func TestExemplarNamesOnce(t *testing.T) {
	pair := func(name string) *dto.LabelPair { return &dto.LabelPair{Name: &name, Value: new("v")} }
	named := func(name string, labels ...*dto.LabelPair) *dto.MetricFamily {
		return &dto.MetricFamily{Name: &name, Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Counter: &dto.Counter{
			Value: new(1.0), Exemplar: &dto.Exemplar{Label: labels, Value: new(1.0)},
		}}}}
	}
	families := &gatherer{families: []*dto.MetricFamily{named("dotted_total", pair("a.b"), pair("a_b")), named("twice_total", pair("a"), pair("a"))}}
	c := mpmetrics.NewCollector(t.TempDir(), mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{families}})
	defer c.Close()
	for escaping, want := range map[expfmt.Format]string{"allow-utf-8": ` # {"a.b"="v",a_b="v"} 1.0`, "underscores": ` # {U__a_2e_b="v",a_b="v"} 1.0`} {
		var page bytes.Buffer
		check(t, c.Write(&page, expfmt.FmtOpenMetrics_1_0_0+"; escaping="+escaping))
		for _, line := range []string{"dotted_total 1.0" + want + "\n", "twice_total 1.0\n"} {
			if !strings.Contains(page.String(), line) {
				t.Errorf("%s: no %q in:\n%s", escaping, line, &page)
			}
		}
	}
}

// TestGathererEscaping: names of gathered families and labels that would be the same once escaped stay distinct, and a family without
// a name is an error that leaves the others as they are.
func TestGathererEscaping(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/gauge_max_1.db", metricFile(with(`["a_b", "a_b", {}, ""]`, 1), with(`["c.d", "c.d", {}, ""]`, 2)))
	dotted := gaugeFamily("e_f", 6)
	dotted.Metric[0].Label = []*dto.LabelPair{{Name: new("l.m"), Value: new("1")}, {Name: new("l_m"), Value: new("2")}}
	families := &gatherer{families: []*dto.MetricFamily{gaugeFamily("a.b", 3), gaugeFamily("c-d", 4), gaugeFamily("e.f", 5), dotted, gaugeFamily("", 7)}}
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{families}})
	defer c.Close()
	for _, format := range []expfmt.Format{expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtText} {
		var page bytes.Buffer
		if err := c.Write(&page, format+"; escaping=underscores"); err == nil || !strings.Contains(err.Error(), "without a name") {
			t.Errorf("%v, want an error about a family without a name", err)
		}
		got := slices.DeleteFunc(strings.Split(page.String(), "\n"), func(line string) bool {
			return line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "multiproc_")
		})
		want := []string{
			"U__a_2e_b 3.0", "a_b 1.0", "U__c_2d_d 4.0", "c_d 2.0", "U__e_2e_f 5.0", `e_f{U__l_2e_m="1",l_m="2"} 6.0`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", format, diff)
		}
	}
}

// TestGathererNames: in OpenMetrics the family of a counter has no _total, and its samples have it. A family of another source that has
// the other name makes the counter one of an unknown type.
func TestGathererNames(t *testing.T) {
	counter := func(name string) *dto.MetricFamily {
		return &dto.MetricFamily{Name: &name, Type: dto.MetricType_COUNTER.Enum(), Metric: []*dto.Metric{{Counter: &dto.Counter{
			Value: new(1.0), Exemplar: &dto.Exemplar{Label: []*dto.LabelPair{{Name: new("id"), Value: new("1")}}, Value: new(1.0)},
		}}}}
	}
	dir := t.TempDir()
	put(t, dir+"/counter_1.db", metricFile(with(`["a", "a_total", {}, ""]`, 2), with(`["b", "b_total", {}, ""]`, 2)))
	put(t, dir+"/gauge_max_1.db", metricFile(with(`["c", "c", {}, ""]`, 2)))
	others := &gatherer{families: []*dto.MetricFamily{
		gaugeFamily("a", 1), counter("b"), counter("c_total"), gaugeFamily("d", 1), counter("d_total"), counter("e_total"),
	}}
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Gatherers: []prometheus.Gatherer{others}})
	defer c.Close()
	var page bytes.Buffer
	check(t, c.Write(&page, expfmt.FmtOpenMetrics_1_0_0))
	want := strings.Join([]string{
		"# HELP a Help.", "# TYPE a gauge", "a 1.0", "# HELP a_total ", "# TYPE a_total unknown", "a_total 2.0",
		"# HELP b ", "# TYPE b unknown", "b 1.0", "# HELP b_total ", "# TYPE b_total unknown", "b_total 2.0",
		"# HELP c ", "# TYPE c gauge", "c 2.0", "# HELP c_total ", "# TYPE c_total unknown", "c_total 1.0",
		"# HELP d Help.", "# TYPE d gauge", "d 1.0", "# HELP d_total ", "# TYPE d_total unknown", "d_total 1.0",
		"# HELP e ", "# TYPE e counter", `e_total 1.0 # {id="1"} 1.0`, "# EOF", "",
	}, "\n")
	if diff := cmp.Diff(want, page.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	page.Reset()
	check(t, c.Write(&page, expfmt.FmtText))
	if text := page.String(); strings.Count(text, " counter\n") != 6 {
		t.Errorf("text:\n%s", text)
	}
}

// TestUTF8NamesStayDistinct: escaping must not make two names equal, since a scraper would refuse the page.
func TestUTF8NamesStayDistinct(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/gauge_max_1.db", metricFile(
		with(`["g", "g", {"a.b": "1", "a_b": "2"}, ""]`, 1),
		with(`["my.gauge", "my.gauge", {}, ""]`, 2),
		with(`["my_gauge", "my_gauge", {}, ""]`, 3)))
	text := string(scrape(t, dir))
	for _, want := range []string{
		`g{U__a_2e_b="1",a_b="2"} 1.0`,
		"# TYPE U__my_2e_gauge gauge\nU__my_2e_gauge 2.0\n",
		"# TYPE my_gauge gauge\nmy_gauge 3.0\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

// TestUTF8Names: each scraper gets UTF-8 names in the escaping that it requests.
func TestUTF8Names(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "w1")
	mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "my.requests_total", Help: "h"}, []string{"http.code"})).
		WithLabelValues("200").Inc()
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer c.Close()
	for scheme, want := range map[string]string{
		"allow-utf-8": "# TYPE \"my.requests_total\" counter\n{\"my.requests_total\",\"http.code\"=\"200\"} 1.0\n",
		"underscores": "# TYPE my_requests_total counter\nmy_requests_total{http_code=\"200\"} 1.0\n",
		"dots":        "# TYPE my_dot_requests__total counter\nmy_dot_requests__total{http_dot_code=\"200\"} 1.0\n",
		"values":      "# TYPE U__my_2e_requests__total counter\nU__my_2e_requests__total{U__http_2e_code=\"200\"} 1.0\n",
	} {
		var text bytes.Buffer
		check(t, c.Write(&text, expfmt.FmtText+expfmt.Format("; escaping="+scheme)))
		if !strings.Contains(text.String(), want) {
			t.Errorf("%s: no %q in:\n%s", scheme, want, &text)
		}
	}
}

// TestGather: the families that a Collector gathers, directly or through a registry, are the page.
func TestGather(t *testing.T) {
	for _, dir := range []string{"basic", "gauges", "histograms", "escapes", "names", "growth", "r00", "r01", "r02"} {
		c := mpmetrics.NewCollector("../testdata/conformance/h16/"+dir, mpmetrics.CollectorOptions{})
		want := parsePage(t, scrapeWith(t, c))
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(c)
		for name, g := range map[string]prometheus.Gatherer{"Collector": c, "registry": registry} {
			families, err := g.Gather()
			if err != nil {
				t.Fatalf("%s, %s: %v", dir, name, err)
			}
			if diff := cmp.Diff(want, pageOf(families), equateNaN); diff != "" {
				t.Errorf("%s, %s (-page +gathered):\n%s", dir, name, diff)
			}
		}
		c.Close()
	}
}

// TestCollectorClosed: a closed Collector starts over.
func TestCollectorClosed(t *testing.T) {
	c := mpmetrics.NewCollector("../testdata/conformance/h16/basic", mpmetrics.CollectorOptions{})
	want := string(scrapeWith(t, c))
	c.Close()
	c.Close()
	if got := string(scrapeWith(t, c)); got != want {
		t.Errorf("after Close:\n%s\nbefore:\n%s", got, want)
	}
	c.Close()
}
