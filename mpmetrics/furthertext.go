package mpmetrics

import (
	"strconv"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
)

// appendFurther appends a family that client_golang gathered in the way in which the directory's are written: expfmt
// would write 5 where everything else says 5.0.
func appendFurther(dst []byte, f *dto.MetricFamily, openMetrics bool, scheme model.EscapingScheme) []byte {
	f = model.EscapeMetricFamily(f, scheme)
	name := f.GetName()
	dst = appendHeadings(dst, name, f.GetHelp(), typeName(f.GetType(), openMetrics), openMetrics)
	if openMetrics && f.GetType() == dto.MetricType_COUNTER {
		name = strings.TrimSuffix(name, "_total") + "_total"
	}
	names := familyNames(name)
	if openMetrics && f.GetType() == dto.MetricType_GAUGE_HISTOGRAM {
		names.sum, names.count = newSampleName(name+"_gsum"), newSampleName(name+"_gcount")
	}
	for _, m := range f.GetMetric() {
		labels := string(appendLabels(nil, labelsOf(m)))
		eachLine(m, names, func(l line) {
			dst = l.name.append(dst, labels, l.own, l.ownValue)
			dst = appendFloat(dst, l.value)
			dst = appendTime(dst, m, openMetrics)
		})
	}
	return dst
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

// appendTime appends the time that a metric may have, in milliseconds, in OpenMetrics in seconds, and ends the line.
func appendTime(dst []byte, m *dto.Metric, openMetrics bool) []byte {
	if m.TimestampMs == nil {
		return append(dst, '\n')
	}
	dst = append(dst, ' ')
	if openMetrics {
		dst = strconv.AppendFloat(dst, float64(m.GetTimestampMs())/1e3, 'f', -1, 64)
	} else {
		dst = strconv.AppendInt(dst, m.GetTimestampMs(), 10)
	}
	return append(dst, '\n')
}
