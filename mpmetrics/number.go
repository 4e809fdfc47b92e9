package mpmetrics

import (
	"bytes"
	"math"
	"strconv"
)

// FormatValue is a value as pages have it: 5.0, 1e+06, +Inf.
func FormatValue(v float64) string { return string(appendFloat(nil, v)) }

// appendFloat appends v as prometheus_client's floatToGoString writes it: 5.0, 0.005, 1e+06, +Inf. It is also how
// the bounds in le are written, so that a series keeps its identity whichever library made it.
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
