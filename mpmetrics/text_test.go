package mpmetrics

import (
	"math"
	"strconv"
	"testing"
)

func TestAppendFloat(t *testing.T) {
	// The texts are those of prometheus_client's floatToGoString.
	for want, v := range map[string]float64{
		"0.0":                     0,
		"-0.0":                    math.Copysign(0, -1),
		"1.0":                     1,
		"-1.0":                    -1,
		"0.005":                   0.005,
		"0.1":                     0.1,
		"0.0001":                  1e-4,
		"1e-05":                   1e-5,
		"-1.5e-07":                -1.5e-7,
		"2.5":                     2.5,
		"999999.0":                999999,
		"999999.5":                999999.5,
		"1e+06":                   1e6,
		"1.0000005e+06":           1000000.5,
		"1.23456789125e+08":       123456789.125,
		"1e+15":                   1e15,
		"1e+16":                   1e16,
		"1.5e+300":                1.5e300,
		"-1000000.0":              -1e6,
		"-1234567.5":              -1234567.5,
		"-9999999999999998.0":     -9999999999999998,
		"-1e+16":                  -1e16,
		"0.3333333333333333":      1. / 3,
		"5e-324":                  math.SmallestNonzeroFloat64,
		"1.7976931348623157e+308": math.MaxFloat64,
		"+Inf":                    math.Inf(1),
		"-Inf":                    math.Inf(-1),
		"NaN":                     math.NaN(),
	} {
		if got := string(appendFloat(nil, v)); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func FuzzAppendFloat(f *testing.F) {
	for _, v := range []float64{0, 1, 0.1, 1e-5, 123456, 1e6, -1e6, 1e16, -1e16, 1e300} {
		f.Add(math.Float64bits(v))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		v := math.Float64frombits(bits)
		text := string(appendFloat(nil, v))
		back, err := strconv.ParseFloat(text, 64)
		if err != nil || back != v && !(math.IsNaN(v) && math.IsNaN(back)) {
			t.Fatalf("%v is written as %s, read as %v, %v", v, text, back, err)
		}
	})
}

func TestCompareNatural(t *testing.T) {
	ordered := []string{"", "1", "01", "2", "10", "counter_w1", "counter_w1-1", "counter_w2", "counter_w02x", "counter_w10", "counter_w99999999999999999999999", "master", "w"}
	for i, a := range ordered {
		for j, b := range ordered {
			got := compareNatural(a, b)
			if (got < 0) != (i < j) || (got == 0) != (i == j) {
				t.Errorf("%q against %q: %d", a, b, got)
			}
		}
	}
}
