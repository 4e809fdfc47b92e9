package mpmetrics

import (
	"math"
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// familyText writes gathered families as those of the directory are written: expfmt would write 5 where the rest of the page
// has 5.0.
type familyText struct {
	dst         []byte
	openMetrics bool

	names  sampleNames
	labels string // of the current metric
	end    string // of its lines: the time, if it has one
}

func appendFamilyText(dst []byte, f *dto.MetricFamily, openMetrics bool, scheme model.EscapingScheme) []byte {
	f = model.EscapeMetricFamily(f, scheme)
	t := familyText{dst: dst, openMetrics: openMetrics}
	name := f.GetName()
	t.dst = appendHeadings(t.dst, name, f.GetHelp(), typeName(f.GetType(), openMetrics), openMetrics)
	if openMetrics && f.GetType() == dto.MetricType_COUNTER {
		name = strings.TrimSuffix(name, "_total") + "_total"
	}
	t.names = familyNames(name)
	if openMetrics && f.GetType() == dto.MetricType_GAUGE_HISTOGRAM {
		t.names.sum, t.names.count = newSampleName(name+"_gsum"), newSampleName(name+"_gcount")
	}
	for _, m := range f.GetMetric() {
		t.labels = string(appendLabels(nil, labelsOf(m.GetLabel())))
		t.end = t.time(m)
		switch {
		case m.Counter != nil:
			t.line(t.names.value, "", 0, m.Counter.GetValue())
		case m.Gauge != nil:
			t.line(t.names.value, "", 0, m.Gauge.GetValue())
		case m.Untyped != nil:
			t.line(t.names.value, "", 0, m.Untyped.GetValue())
		case m.Summary != nil:
			t.summary(m.Summary)
		case m.Histogram != nil:
			t.histogram(m.Histogram)
		}
	}
	return t.dst
}

func typeName(t dto.MetricType, openMetrics bool) string {
	switch {
	case t == dto.MetricType_UNTYPED && openMetrics:
		return "unknown"
	case t == dto.MetricType_GAUGE_HISTOGRAM && openMetrics:
		return "gaugehistogram"
	case t == dto.MetricType_GAUGE_HISTOGRAM:
		return "histogram"
	}
	return strings.ToLower(t.String())
}

// time returns the end of a metric's lines. Times are in milliseconds, in OpenMetrics in seconds.
func (t *familyText) time(m *dto.Metric) string {
	switch {
	case m.TimestampMs == nil:
		return "\n"
	case t.openMetrics:
		return " " + strconv.FormatFloat(float64(m.GetTimestampMs())/1e3, 'f', -1, 64) + "\n"
	}
	return " " + strconv.FormatInt(m.GetTimestampMs(), 10) + "\n"
}

// line appends a sample. own is the name of a label of the sample itself, le or quantile, or empty.
func (t *familyText) line(name sampleName, own string, ownValue, v float64) {
	t.dst = name.append(t.dst, t.labels, own, ownValue)
	t.dst = appendFloat(t.dst, v)
	t.dst = append(t.dst, t.end...)
}

func (t *familyText) summary(s *dto.Summary) {
	for _, q := range s.GetQuantile() {
		t.line(t.names.value, "quantile", q.GetQuantile(), q.GetValue())
	}
	t.line(t.names.sum, "", 0, s.GetSampleSum())
	t.line(t.names.count, "", 0, float64(s.GetSampleCount()))
}

// histogram appends the classic buckets; the text formats have no others.
func (t *familyText) histogram(h *dto.Histogram) {
	count := h.GetSampleCountFloat()
	if count == 0 {
		count = float64(h.GetSampleCount())
	}
	last := math.Inf(-1)
	for _, b := range h.GetBucket() {
		last = b.GetUpperBound()
		n := b.GetCumulativeCountFloat()
		if n == 0 {
			n = float64(b.GetCumulativeCount())
		}
		t.line(t.names.bucket, "le", last, n)
	}
	if !math.IsInf(last, +1) {
		t.line(t.names.bucket, "le", math.Inf(+1), count)
	}
	t.line(t.names.sum, "", 0, h.GetSampleSum())
	t.line(t.names.count, "", 0, count)
}
