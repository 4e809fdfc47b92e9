package requests_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/worker/requests"
)

func TestTotalsSince(t *testing.T) {
	before := requests.Totals{Known: true, Requests: 10, Errors: 1, InFlight: 5, Seconds: 2, Bytes: 7, Buckets: map[float64]float64{1: 4}}
	after := requests.Totals{Known: true, Requests: 15, Errors: 0, InFlight: 2, Seconds: 3, Bytes: 7, Buckets: map[float64]float64{1: 6, 2: 3}}
	want := requests.Totals{Known: true, Requests: 5, Errors: 0, InFlight: 2, Seconds: 1, Buckets: map[float64]float64{1: 2, 2: 3}}
	if diff := cmp.Diff(want, after.Since(before)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wiped := requests.Totals{Requests: 3}
	if got := wiped.Since(before).Requests; got != 3 {
		t.Errorf("%v requests after a reset, want 3", got)
	}
}

func TestTotalsQuantile(t *testing.T) {
	inf := math.Inf(1)
	f := func(buckets map[float64]float64, q, want float64) {
		t.Helper()
		got := requests.Totals{Buckets: buckets}.Quantile(q)
		if math.Abs(got-want) > 1e-12 || math.IsNaN(got) != math.IsNaN(want) {
			t.Errorf("%v of %v: %v, want %v", q, buckets, got, want)
		}
	}
	f(nil, .5, math.NaN())
	f(map[float64]float64{1: 0, inf: 0}, .5, math.NaN())
	f(map[float64]float64{1: math.NaN(), inf: 0}, .5, math.NaN())
	f(map[float64]float64{1: 10}, .5, .5)
	f(map[float64]float64{1: 10, 2: 10, inf: 0}, .5, 1)
	f(map[float64]float64{1: 10, 2: 10, inf: 0}, .75, 1.5)
	f(map[float64]float64{1: 0, 2: 10, inf: 0}, .5, 1.5)
	f(map[float64]float64{1: 1, 2: 0, inf: 9}, .5, 2)
	f(map[float64]float64{1: 10, 2: 0, inf: 0}, 1, 1)
}
