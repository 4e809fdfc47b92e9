package mpmetrics_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics"
)

// equateNaN makes NaN equal to itself.
var equateNaN = cmpopts.EquateNaNs()

// equateSums lets sums of up to four floats differ by the order in which they are added up: prometheus_client's is that
// of the directory it was run in, which a copy does not keep. Every other number is one that a process wrote.
var equateSums = cmpopts.EquateApprox(4*0x1p-53, 0)

// TestConformance holds what the Collector exposes for directories that prometheus_client wrote against the text
// that prometheus_client exposes for them.
func TestConformance(t *testing.T) {
	goldens, err := filepath.Glob("../testdata/conformance/*/*.prom")
	if err != nil || len(goldens) != 20 {
		t.Fatalf("%d golden texts, %v; want 20", len(goldens), err)
	}
	for _, golden := range goldens {
		dir := strings.TrimSuffix(golden, ".prom")
		t.Run(strings.TrimPrefix(dir, "../testdata/conformance/"), func(t *testing.T) {
			text, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			want := parsePage(t, text)
			if diff := cmp.Diff(want, parsePage(t, scrape(t, dir)), equateNaN, equateSums); diff != "" {
				t.Errorf("page differs (-prometheus_client +mpmetrics):\n%s", diff)
			}
		})
	}
}

// scrape gives the text of a directory as one who reads it for the first time sees it.
func scrape(tb testing.TB, dir string) []byte {
	tb.Helper()
	c := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer c.Close()
	return scrapeWith(tb, c)
}

func scrapeWith(tb testing.TB, c *mpmetrics.Collector) []byte {
	tb.Helper()
	var page bytes.Buffer
	if err := c.Write(&page, expfmt.FmtText); err != nil {
		tb.Fatal(err)
	}
	return page.Bytes()
}

// page is what a page says, without regard to order and to how numbers are written: families by name, with their
// type and help, and samples with their values.
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
