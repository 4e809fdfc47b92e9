package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"multiproc/mpmetrics"
)

// jsonValue is a value of a sample in JSON, where NaN, +Inf and -Inf are strings.
type jsonValue float64

// MarshalJSON implements [json.Marshaler].
func (v jsonValue) MarshalJSON() ([]byte, error) {
	if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
		return json.Marshal(mpmetrics.FormatValue(f))
	}
	return json.Marshal(float64(v))
}

// measure is a number that may be unknown: NaN, and null in JSON.
type measure float64

var unknown = measure(math.NaN())

func (m measure) known() bool { return !math.IsNaN(float64(m)) }

// text returns the number in a format, or a dash if it is unknown.
func (m measure) text(format func(measure) string) string {
	if !m.known() {
		return "-"
	}
	return format(m)
}

// MarshalJSON implements [json.Marshaler].
func (m measure) MarshalJSON() ([]byte, error) {
	if !m.known() || math.IsInf(float64(m), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(m))
}

// compareMeasures orders numbers; unknown comes first.
func compareMeasures(a, b measure) int {
	return cmp.Compare(float64(a), float64(b)) // which orders NaN first
}

func formatCount(m measure) string { return strconv.FormatFloat(float64(m), 'f', 0, 64) }

func formatRate(m measure) string { return strconv.FormatFloat(float64(m), 'f', 1, 64) }

func formatShare(m measure) string { return formatCount(100*m) + "%" }

// formatLatency formats seconds in the unit that suits them.
func formatLatency(m measure) string {
	switch {
	case m < 0.001:
		return formatCount(m*1e6) + "µs"
	case m < 1:
		return formatRate(m*1e3) + "ms"
	}
	return strconv.FormatFloat(float64(m), 'f', 2, 64) + "s"
}

// formatAge formats seconds by the two largest units.
func formatAge(m measure) string {
	s := int64(math.Min(float64(m), 1e12))
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%02dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%02dh", s/86400, s%86400/3600)
}

// formatBytes formats a number of bytes in the unit that suits it.
func formatBytes(m measure) string {
	if m < 1000 {
		return formatCount(m) + " B"
	}
	units := []string{"KiB", "MiB", "GiB"}
	for m /= 1024; m >= 1000 && len(units) > 1; units = units[1:] {
		m /= 1024
	}
	return formatRate(m) + " " + units[0]
}
