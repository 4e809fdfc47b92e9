package inspect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// measure is a number that may not be known: NaN then, and null in JSON.
type measure float64

var unknown = measure(math.NaN())

func (m measure) known() bool { return !math.IsNaN(float64(m)) }

// text is the measure for people, in a form, or a dash.
func (m measure) text(form func(measure) string) string {
	if !m.known() {
		return "-"
	}
	return form(m)
}

func (m measure) MarshalJSON() ([]byte, error) {
	if !m.known() || math.IsInf(float64(m), 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(m))
}

// compareMeasures orders by number. What is not known is less than all else.
func compareMeasures(a, b measure) int {
	return cmp.Compare(float64(a), float64(b)) // NaN is less than any number there
}

func formatCount(m measure) string { return strconv.FormatFloat(float64(m), 'f', 0, 64) }

func formatRate(m measure) string { return strconv.FormatFloat(float64(m), 'f', 1, 64) }

func formatShare(m measure) string { return strconv.FormatFloat(100*float64(m), 'f', 0, 64) + "%" }

func formatMemory(m measure) string { return formatBytes(float64(m)) }

// formatLatency writes seconds in the unit that suits them.
func formatLatency(m measure) string {
	switch s := float64(m); {
	case s < 0.001:
		return strconv.FormatFloat(s*1e6, 'f', 0, 64) + "µs"
	case s < 1:
		return strconv.FormatFloat(s*1e3, 'f', 1, 64) + "ms"
	default:
		return strconv.FormatFloat(s, 'f', 2, 64) + "s"
	}
}

// formatAge writes seconds as people say them, by the two largest units.
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

// formatBytes writes a number of bytes in the unit that suits it.
func formatBytes(n float64) string {
	if n < 1000 {
		return strconv.FormatFloat(n, 'f', 0, 64) + " B"
	}
	units := []string{"KiB", "MiB", "GiB"}
	for n /= 1024; n >= 1000 && len(units) > 1; units = units[1:] {
		n /= 1024
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " " + units[0]
}
