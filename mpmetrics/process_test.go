package mpmetrics

import "testing"

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
