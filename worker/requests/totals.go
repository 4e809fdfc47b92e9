package requests

import (
	"math"
	"slices"
)

// Totals are the request metrics of one process, summed over methods and routes: since its id was first used in the metrics
// directory or, as the result of Since, between two readings.
type Totals struct {
	Known     bool    // the process has request metrics
	Requests  float64 // answered
	Errors    float64 // of these, answered with a code of 500 or above
	InFlight  float64 // being handled now
	Seconds   float64 // spent in handlers
	Bytes     float64 // of the answers' bodies
	Panics    float64
	Harakiris float64

	// Buckets holds, by upper bound in seconds, how many requests took longer than the next lower bound and at most this one.
	// Nil if there are none.
	Buckets map[float64]float64
}

// Since returns the increase after an earlier reading of the same process; InFlight stays as it is. A counter that is lower
// than before was reset, because the directory was wiped in between, and counts in full.
func (t Totals) Since(before Totals) Totals {
	t.Requests = Increase(before.Requests, t.Requests)
	t.Errors = Increase(before.Errors, t.Errors)
	t.Seconds = Increase(before.Seconds, t.Seconds)
	t.Bytes = Increase(before.Bytes, t.Bytes)
	t.Panics = Increase(before.Panics, t.Panics)
	t.Harakiris = Increase(before.Harakiris, t.Harakiris)
	buckets := make(map[float64]float64, len(t.Buckets))
	for bound, n := range t.Buckets {
		buckets[bound] = Increase(before.Buckets[bound], n)
	}
	t.Buckets = buckets
	return t
}

// Increase returns how much a counter has grown between two readings. One that fell was reset to 0 in between.
func Increase(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

// Quantile returns the duration in seconds that the share q of the requests did not exceed, estimated as PromQL's
// histogram_quantile does. It is NaN if there were no requests.
func (t Totals) Quantile(q float64) float64 {
	bounds := make([]float64, 0, len(t.Buckets))
	total := 0.0
	for bound, n := range t.Buckets {
		bounds = append(bounds, bound)
		total += n
	}
	if !(total > 0) {
		return math.NaN()
	}
	slices.Sort(bounds)
	rank, below, lower := q*total, 0.0, 0.0
	for _, bound := range bounds {
		n := t.Buckets[bound]
		switch {
		case below+n < rank || n == 0:
		case math.IsInf(bound, +1):
			return lower // the highest finite bound
		default:
			return lower + (bound-lower)*(rank-below)/n
		}
		below, lower = below+n, bound
	}
	return lower
}
