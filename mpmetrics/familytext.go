package mpmetrics

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// familyText writes gathered families as those of the directory are written: expfmt would write 5 where the rest of the page
// has 5.0.
type familyText struct {
	dst         []byte
	openMetrics bool
	scheme      model.EscapingScheme

	names  sampleNames
	labels string // of the current metric
	time   string // ends its lines, with a space before; empty if it has none
}

// appendFamilyText appends a family under its escaped name.
func appendFamilyText(dst []byte, f *dto.MetricFamily, name string, openMetrics bool, scheme model.EscapingScheme) []byte {
	t := familyText{dst: dst, openMetrics: openMetrics, scheme: scheme}
	t.dst = appendHeadings(t.dst, name, f.GetHelp(), typeName(f.GetType(), openMetrics), openMetrics)
	if openMetrics {
		base := name
		if f.GetType() == dto.MetricType_COUNTER {
			base = strings.TrimSuffix(name, "_total")
			name = base + "_total"
		}
		t.dst = appendUnit(t.dst, base, f.GetUnit())
	}
	t.names = familyNames(name)
	if openMetrics && f.GetType() == dto.MetricType_GAUGE_HISTOGRAM {
		t.names.sum, t.names.count = newSampleName(name+"_gsum"), newSampleName(name+"_gcount")
	}
	for _, m := range f.GetMetric() {
		t.labels = string(appendLabels(nil, t.escaped(m.GetLabel())))
		t.time = t.timeOf(m)
		switch {
		case m.Counter != nil:
			t.line(t.names.value, "", 0, m.Counter.GetValue(), m.Counter.GetExemplar())
		case m.Gauge != nil:
			t.line(t.names.value, "", 0, m.Gauge.GetValue(), nil)
		case m.Untyped != nil:
			t.line(t.names.value, "", 0, m.Untyped.GetValue(), nil)
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

func (t *familyText) escaped(pairs []*dto.LabelPair) []format.Label {
	labels := labelsOf(pairs)
	if t.scheme == model.NoEscaping {
		return labels
	}
	return escapeLabels(labels, t.scheme)
}

// timeOf returns the time of a metric, with a space before it. Times are in milliseconds, in OpenMetrics in seconds.
func (t *familyText) timeOf(m *dto.Metric) string {
	switch {
	case m.TimestampMs == nil:
		return ""
	case t.openMetrics:
		return " " + strconv.FormatFloat(float64(m.GetTimestampMs())/1e3, 'f', -1, 64)
	}
	return " " + strconv.FormatInt(m.GetTimestampMs(), 10)
}

// line appends a sample. own is the name of a label of the sample itself, le or quantile, or empty. The exemplar may be nil.
func (t *familyText) line(name sampleName, own string, ownValue, v float64, e *dto.Exemplar) {
	t.dst = name.append(t.dst, t.labels, own, ownValue)
	t.dst = appendFloat(t.dst, v)
	t.dst = append(t.dst, t.time...)
	if e != nil && t.openMetrics { // readers of text 0.0.4 refuse the page, or take the exemplar's value for the sample's
		t.exemplar(e)
	}
	t.dst = append(t.dst, '\n')
}

// maxExemplar is the limit of OpenMetrics, in characters of all names and values of labels.
const maxExemplar = 128

// exemplar appends an exemplar unless parsers would refuse the page for it: its labels are too long, or have a name twice.
func (t *familyText) exemplar(e *dto.Exemplar) {
	labels := t.escaped(e.GetLabel())
	length, names := 0, map[string]bool{}
	for _, l := range labels {
		names[l.Name] = true
		length += utf8.RuneCountInString(l.Name) + utf8.RuneCountInString(l.Value)
	}
	if length > maxExemplar || len(names) < len(labels) {
		return
	}
	t.dst = append(t.dst, " # {"...)
	t.dst = append(appendLabels(t.dst, labels), "} "...)
	t.dst = appendFloat(t.dst, e.GetValue())
	if at := e.GetTimestamp(); at.IsValid() {
		t.dst = append(t.dst, ' ')
		t.dst = strconv.AppendFloat(t.dst, float64(at.GetSeconds())+float64(at.GetNanos())/1e9, 'f', -1, 64)
	}
}

func (t *familyText) summary(s *dto.Summary) {
	for _, q := range s.GetQuantile() {
		t.line(t.names.value, "quantile", q.GetQuantile(), q.GetValue(), nil)
	}
	t.line(t.names.sum, "", 0, s.GetSampleSum(), nil)
	t.line(t.names.count, "", 0, float64(s.GetSampleCount()), nil)
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
		t.line(t.names.bucket, "le", last, n, b.GetExemplar())
	}
	if !math.IsInf(last, +1) {
		t.line(t.names.bucket, "le", math.Inf(+1), count, nil)
	}
	t.line(t.names.sum, "", 0, h.GetSampleSum(), nil)
	t.line(t.names.count, "", 0, count, nil)
}
