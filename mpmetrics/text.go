package mpmetrics

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"

	"multiproc/mpmetrics/internal/format"
)

// appendHeadings appends the lines HELP and TYPE. In OpenMetrics the name of a counter is without _total.
func appendHeadings(dst []byte, name, help, typ string, openMetrics bool) []byte {
	escape := escapeHelp
	if openMetrics {
		escape = escapeQuoted
		if typ == "counter" {
			name = strings.TrimSuffix(name, "_total")
		}
	}
	dst = append(dst, "# HELP "...)
	dst = appendName(dst, name)
	dst = append(dst, ' ')
	dst = append(dst, escape.Replace(help)...)
	dst = append(dst, "\n# TYPE "...)
	dst = appendName(dst, name)
	dst = append(dst, ' ')
	dst = append(dst, typ...)
	return append(dst, '\n')
}

// appendUnit appends the line UNIT of OpenMetrics, if the name ends in the unit: otherwise parsers refuse the page.
func appendUnit(dst []byte, name, unit string) []byte {
	if unit == "" || !strings.HasSuffix(name, "_"+unit) {
		return dst
	}
	dst = append(dst, "# UNIT "...)
	dst = appendName(dst, name)
	dst = append(dst, ' ')
	dst = append(dst, unit...)
	return append(dst, '\n')
}

// sampleNames has the names of a family's samples.
type sampleNames struct {
	value, bucket, sum, count sampleName
}

func familyNames(family string) sampleNames {
	return sampleNames{
		newSampleName(family), newSampleName(family + "_bucket"), newSampleName(family + "_sum"), newSampleName(family + "_count"),
	}
}

// sampleName is a name at the beginning of a line. A UTF-8 name is quoted and among the labels.
type sampleName struct {
	text   string
	braced bool // text includes the opening brace
}

func newSampleName(name string) sampleName {
	if isLegacy(name) {
		return sampleName{name, false}
	}
	return sampleName{string(appendName([]byte{'{'}, name)), true}
}

// append appends a sample's name and labels, and the space before the value. own is the name of a label of the sample itself,
// le or quantile, whose value is a number, or empty.
func (n sampleName) append(dst []byte, labels, own string, v float64) []byte {
	dst = append(dst, n.text...)
	open := byte('{')
	if n.braced {
		open = ','
	}
	if labels != "" {
		dst = append(dst, open)
		dst = append(dst, labels...)
		open = ','
	}
	if own != "" {
		dst = append(dst, open)
		dst = append(dst, own...)
		dst = append(dst, `="`...)
		dst = append(appendFloat(dst, v), '"')
		open = ','
	}
	if open == ',' {
		dst = append(dst, '}')
	}
	return append(dst, ' ')
}

// appendLabels appends labels as they are between braces.
func appendLabels(dst []byte, labels []format.Label) []byte {
	for i, l := range labels {
		if i > 0 {
			dst = append(dst, ',')
		}
		if model.LegacyValidation.IsValidLabelName(l.Name) {
			dst = append(dst, l.Name...)
		} else {
			dst = appendName(dst, l.Name)
		}
		dst = append(dst, `="`...)
		dst = appendEscaped(dst, l.Value)
		dst = append(dst, '"')
	}
	return dst
}

// appendName appends the name of a metric, quoted if it must be.
func appendName(dst []byte, name string) []byte {
	if isLegacy(name) {
		return append(dst, name...)
	}
	dst = append(dst, '"')
	dst = appendEscaped(dst, name)
	return append(dst, '"')
}

// appendEscaped appends text between quotes.
func appendEscaped(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, "\\\n\"") {
		return append(dst, s...)
	}
	return append(dst, escapeQuoted.Replace(s)...)
}

var (
	escapeHelp   = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeQuoted = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

// isLegacy reports whether scrapers that cannot read UTF-8 names can read a name.
func isLegacy(name string) bool { return model.LegacyValidation.IsValidMetricName(name) }

// escapeLabels escapes the names of labels for scrapers that cannot read UTF-8 names.
func escapeLabels(labels []format.Label, scheme model.EscapingScheme) []format.Label {
	if !slices.ContainsFunc(labels, func(l format.Label) bool { return !isLegacy(l.Name) }) {
		return labels
	}
	names := escapeNames(len(labels), func(i int) string { return labels[i].Name }, scheme)
	escaped := make([]format.Label, len(labels))
	for i, l := range labels {
		escaped[i] = format.Label{Name: names[i], Value: l.Value}
	}
	return escaped
}

// escapeNames escapes n distinct names so that they stay distinct: a.b and a_b would both be a_b, and a scraper would refuse
// the whole page. The escaped one then gets a unique form.
func escapeNames(n int, name func(i int) string, scheme model.EscapingScheme) []string {
	taken := make(map[string]bool, n)
	for i := range n {
		if isLegacy(name(i)) {
			taken[name(i)] = true
		}
	}
	names := make([]string, n)
	for i := range n {
		names[i] = name(i)
		if isLegacy(names[i]) {
			continue
		}
		escaped := model.EscapeName(names[i], scheme)
		if taken[escaped] {
			escaped = model.EscapeName(names[i], model.ValueEncodingEscaping)
		}
		names[i] = escaped
		taken[escaped] = true
	}
	return names
}

// FormatValue returns a value as pages have it: 5.0, 1e+06, +Inf.
func FormatValue(v float64) string { return string(appendFloat(nil, v)) }

// appendFloat appends v as prometheus_client's floatToGoString writes it: 5.0, 0.005, 1e+06, +Inf. The bounds in le are
// written so, too, so that a series keeps its identity whichever library made it.
func appendFloat(dst []byte, v float64) []byte {
	if i := int64(v); 0 < i && i < 1e6 && float64(i) == v {
		return append(strconv.AppendInt(dst, i, 10), ".0"...)
	}
	abs := math.Abs(v)
	switch {
	case math.IsNaN(v):
		return append(dst, "NaN"...)
	case math.IsInf(v, +1):
		return append(dst, "+Inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-Inf"...)
	case v >= 1e6, abs >= 1e16, 0 < abs && abs < 1e-4:
		return strconv.AppendFloat(dst, v, 'e', -1, 64)
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, v, 'f', -1, 64)
	if !bytes.ContainsRune(dst[start:], '.') {
		dst = append(dst, ".0"...)
	}
	return dst
}
