package mpmetrics_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

func TestMain(m *testing.M) {
	proctest.Main(m, map[string]proctest.Role{
		"crash": crashChild, "concurrency": concurrencyChild, "diskfull": diskFullChild, "live": liveChild,
		"disturbed": disturbedChild,
	})
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// checkEqual compares two values, in which NaN equals NaN. The message names them.
func checkEqual(t *testing.T, want, got any, message string, args ...any) {
	t.Helper()
	if diff := cmp.Diff(want, got, equateNaN); diff != "" {
		t.Errorf("%s (-want +got):\n%s", fmt.Sprintf(message, args...), diff)
	}
}

func put(t *testing.T, path string, content []byte) {
	t.Helper()
	check(t, os.WriteFile(path, content, 0o644))
}

// newWriter makes a Writer that is closed at the end of the test.
func newWriter(t *testing.T, dir, id string) *mpmetrics.Writer {
	t.Helper()
	return newWriterWith(t, dir, id, mpmetrics.WriterOptions{})
}

func newWriterWith(t *testing.T, dir, id string, opts mpmetrics.WriterOptions) *mpmetrics.Writer {
	t.Helper()
	w, err := mpmetrics.NewWriter(dir, id, opts)
	check(t, err)
	t.Cleanup(func() { check(t, w.Close()) })
	return w
}

func newCounter(t *testing.T, w *mpmetrics.Writer, name string) prometheus.Counter {
	t.Helper()
	c, err := w.NewCounter(prometheus.CounterOpts{Name: name, Help: "Help."})
	check(t, err)
	return c
}

// fileNames returns the names in a directory, sorted.
func fileNames(t *testing.T, dir string) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// ownMetric returns a metric's value in its own process.
func ownMetric(t *testing.T, m any) *dto.Metric {
	t.Helper()
	var out dto.Metric
	check(t, m.(prometheus.Metric).Write(&out))
	return &out
}

// scrape returns the page of a directory, read by a new Collector.
func scrape(tb testing.TB, dir string) []byte {
	tb.Helper()
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer c.Close()
	return scrapeWith(tb, c)
}

func pageOfDir(tb testing.TB, dir string) page {
	tb.Helper()
	return parsePage(tb, scrape(tb, dir))
}

func scrapeWith(tb testing.TB, c *mpmetrics.Collector) []byte {
	tb.Helper()
	var page bytes.Buffer
	check(tb, c.Write(&page, expfmt.FmtText))
	return page.Bytes()
}

// page is a parsed page, without order and the format of numbers: families by name, with type and help, and samples with
// values.
type page struct {
	Families map[string]string
	Samples  map[string]float64
}

func parsePage(tb testing.TB, text []byte) page {
	tb.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		tb.Fatalf("%v in the page:\n%s", err, text)
	}
	return pageOf(slices.Collect(maps.Values(families)))
}

func pageOf(families []*dto.MetricFamily) page {
	p := page{map[string]string{}, map[string]float64{}}
	for _, f := range families {
		p.Families[f.GetName()] = f.GetType().String() + " " + f.GetHelp()
		for _, m := range f.GetMetric() {
			p.add(f.GetName(), f.GetType(), m)
		}
	}
	return p
}

func (p page) add(name string, typ dto.MetricType, m *dto.Metric) {
	labels := map[string]string{}
	for _, l := range m.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	add := func(name string, v float64) {
		var text []string
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			text = append(text, fmt.Sprintf("%s=%q", k, labels[k]))
		}
		p.Samples[name+"{"+strings.Join(text, ",")+"}"] = v
	}
	switch typ {
	case dto.MetricType_COUNTER:
		add(name, m.GetCounter().GetValue())
	case dto.MetricType_GAUGE:
		add(name, m.GetGauge().GetValue())
	case dto.MetricType_SUMMARY:
		add(name+"_sum", m.GetSummary().GetSampleSum())
		add(name+"_count", float64(m.GetSummary().GetSampleCount()))
	case dto.MetricType_HISTOGRAM:
		add(name+"_sum", m.GetHistogram().GetSampleSum())
		add(name+"_count", float64(m.GetHistogram().GetSampleCount()))
		for _, b := range m.GetHistogram().GetBucket() {
			labels["le"] = fmt.Sprint(b.GetUpperBound())
			add(name+"_bucket", float64(b.GetCumulativeCount()))
		}
	default:
		add(name, m.GetUntyped().GetValue())
	}
}

func checkSamples(t *testing.T, want map[string]float64, got page) {
	t.Helper()
	for sample, v := range want {
		if now, ok := got.Samples[sample]; !ok || now != v {
			t.Errorf("%.60s is %v on the page (there: %v), want %v", sample, now, ok, v)
		}
	}
	for sample, v := range got.Samples {
		if _, ok := want[sample]; !ok {
			t.Errorf("%.60s is %v on the page, want it not there", sample, v)
		}
	}
}

// textLogger writes to a log that tests can wait for.
func textLogger(l *proctest.Log) *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// logged is a log in memory, for one goroutine.
type logged struct{ bytes.Buffer }

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewJSONHandler(l, nil)) }

func (l *logged) records(t *testing.T) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(l.String()) {
		var r map[string]any
		check(t, json.Unmarshal([]byte(line), &r))
		all = append(all, r)
	}
	return all
}

// metricFile returns the content of a metric file without room for more.
func metricFile(entries ...[]byte) []byte {
	b := make([]byte, 8)
	for _, e := range entries {
		b = append(b, e...)
	}
	return withUsed(b, len(b))
}

func withUsed(file []byte, used int) []byte {
	file = bytes.Clone(file)
	binary.LittleEndian.PutUint32(file, uint32(int32(used)))
	return file
}

// with returns an entry in the 16-byte layout.
func with(key string, value float64) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(key)))
	b = append(b, key...)
	for ok := true; ok; ok = len(b)%8 != 0 {
		b = append(b, ' ')
	}
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(value))
	return append(b, make([]byte, 8)...)
}

// with8 returns an entry in the 8-byte layout.
func with8(key string, value float64) []byte {
	entry := with(key, value)
	return entry[:len(entry)-8]
}

// withTime returns the entry with a time, in Unix seconds.
func withTime(entry []byte, at float64) []byte {
	entry = bytes.Clone(entry)
	binary.LittleEndian.PutUint64(entry[len(entry)-8:], math.Float64bits(at))
	return entry
}

func withLength(entry []byte, n int) []byte { return withUsed(entry, n) }

// around returns a metric file with a bad key between good ones.
func around(key string) []byte {
	return metricFile(with(sharedKey, 4), with(key, 9), with(ownKey, 8))
}

// sqlite is the beginning of a database.
var sqlite = append([]byte("SQLite format 3\x00\x10\x00\x01\x01\x00\x40\x20\x20"), make([]byte, 4072)...)
