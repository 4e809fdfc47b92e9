package main

import (
	"math"
	"slices"

	"multiproc/mpmetrics"
)

// workload is what the request metrics of package worker say of one process since it has its id, or between two moments.
type workload struct {
	known     bool    // there are any
	requests  float64 // answered
	errors    float64 // of these, with a code from 500 on
	inFlight  float64
	seconds   float64 // in handlers
	bytes     float64 // of the answers' bodies
	panics    float64
	harakiris float64
	buckets   map[float64]float64 // how many requests took no longer than a bound, in seconds, and longer than the one before
}

// since is what came after an earlier moment. Where a counter is lower, the directory was wiped in between, and all of it
// came after that.
func (w workload) since(before workload) workload {
	w.requests = counterDelta(before.requests, w.requests)
	w.errors = counterDelta(before.errors, w.errors)
	w.seconds = counterDelta(before.seconds, w.seconds)
	w.bytes = counterDelta(before.bytes, w.bytes)
	w.panics = counterDelta(before.panics, w.panics)
	w.harakiris = counterDelta(before.harakiris, w.harakiris)
	buckets := make(map[float64]float64, len(w.buckets))
	for bound, n := range w.buckets {
		buckets[bound] = counterDelta(before.buckets[bound], n)
	}
	w.buckets = buckets
	return w
}

// counterDelta is by how much a counter has grown, one that began anew from 0.
func counterDelta(before, after float64) float64 {
	if after < before {
		return after
	}
	return after - before
}

// quantile is how long the share q of all requests took at most, in seconds, estimated as PromQL's histogram_quantile does.
// It is NaN where there were none.
func (w workload) quantile(q float64) float64 {
	bounds := make([]float64, 0, len(w.buckets))
	total := 0.0
	for bound, n := range w.buckets {
		bounds = append(bounds, bound)
		total += n
	}
	if !(total > 0) {
		return math.NaN()
	}
	slices.Sort(bounds)
	rank, below, lower := q*total, 0.0, 0.0
	for _, bound := range bounds {
		n := w.buckets[bound]
		switch {
		case below+n < rank || n == 0:
		case math.IsInf(bound, +1):
			return lower // the largest that is known
		default:
			return lower + (bound-lower)*(rank-below)/n
		}
		below, lower = below+n, bound
	}
	return lower
}

// workloads adds up the request metrics of each process, by its id. It keeps what it knows of samples from one call to
// the next, which must be about the same Inspector.
type workloads struct {
	parts   map[mpmetrics.Sample]workloadPart
	entries []mpmetrics.Entry // reused
}

// maxParts is how many samples are remembered, of directories whose files come and go.
const maxParts = 1 << 20

// workloadPart is what a sample's value is of a workload.
type workloadPart int

const (
	partNone workloadPart = iota
	partRequests
	partErrors // and requests
	partInFlight
	partSeconds
	partBucket
	partBytes
	partPanics
	partHarakiris
)

// of reads the files that request metrics can be in.
func (w *workloads) of(files []*mpmetrics.File) map[string]workload {
	if w.parts == nil || len(w.parts) > maxParts {
		w.parts = map[mpmetrics.Sample]workloadPart{}
	}
	found := map[string]workload{}
	for _, f := range files {
		if f.Process == nil || f.Type == "gauge" && f.Mode != "livesum" || f.Type == "summary" {
			continue
		}
		load := found[f.Process.ID]
		w.entries = f.AppendEntries(w.entries[:0])
		for _, e := range w.entries {
			w.add(&load, e)
		}
		found[f.Process.ID] = load
	}
	return found
}

func (w *workloads) add(load *workload, e mpmetrics.Entry) {
	part, ok := w.parts[e.Sample]
	if !ok {
		part = workloadPartOf(e.Sample)
		w.parts[e.Sample] = part
	}
	switch part {
	case partNone:
		return
	case partErrors:
		load.errors += e.Value
		load.requests += e.Value
	case partRequests:
		load.requests += e.Value
	case partInFlight:
		load.inFlight += e.Value
	case partSeconds:
		load.seconds += e.Value
	case partBytes:
		load.bytes += e.Value
	case partPanics:
		load.panics += e.Value
	case partHarakiris:
		load.harakiris += e.Value
	case partBucket:
		if load.buckets == nil {
			load.buckets = map[float64]float64{}
		}
		load.buckets[e.Sample.Bound()] += e.Value
	}
	load.known = true
}

func workloadPartOf(s mpmetrics.Sample) workloadPart {
	if s.Err() != nil {
		return partNone
	}
	switch s.Name() {
	case "http_requests_total":
		if code := s.Label("code"); len(code) == 3 && code[0] == '5' {
			return partErrors
		}
		return partRequests
	case "http_requests_in_flight":
		return partInFlight
	case "http_request_duration_seconds_sum":
		return partSeconds
	case "http_request_duration_seconds_bucket":
		return partBucket
	case "http_response_bytes_total":
		return partBytes
	case "http_handler_panics_total":
		return partPanics
	case "http_harakiri_total":
		return partHarakiris
	}
	return partNone
}
