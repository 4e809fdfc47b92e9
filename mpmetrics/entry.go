package mpmetrics

import (
	"time"

	"multiproc/mpmetrics/internal/format"
)

// Entry is a value in a metric file.
type Entry struct {
	Sample Sample
	Offset int       // of the entry in the file, in bytes
	Value  float64   // of a histogram's bucket: the observations in this bucket only; the page has the cumulative count
	Time   time.Time // when a mostrecent gauge was set; otherwise zero
}

// Sample identifies the value of an entry. It is comparable: within one Inspector, all files of a type that hold the same key
// have the same Sample.
type Sample struct{ s *sample }

// Name returns the name that begins the sample's line on the page, as in http_requests_total; empty if it has none.
func (s Sample) Name() string {
	switch s.s.part {
	case partBucket:
		return s.s.family + "_bucket"
	case partSum:
		return s.s.family + "_sum"
	case partCount:
		return s.s.family + "_count"
	}
	return s.s.family
}

// Label returns the value of a label, empty if there is none. The bound of a bucket is not a label; see Bound.
func (s Sample) Label(name string) string {
	for _, l := range s.s.labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Bound returns the upper bound of a histogram's bucket, in the unit of the observations, and 0 for other samples.
func (s Sample) Bound() float64 { return s.s.bound }

// Err returns the reason why the sample cannot be on the page, or nil.
func (s Sample) Err() error { return s.s.err }

// String returns the sample's line on the page, up to its value. For a sample that cannot be on the page it returns its key in
// the file, which may hold any bytes.
func (s Sample) String() string {
	if s.s.err != nil {
		return format.KeyOf(s.s.encoded)
	}
	own := ""
	if s.s.part == partBucket {
		own = "le"
	}
	line := newSampleName(s.Name()).append(nil, string(appendLabels(nil, s.s.labels)), own, s.s.bound)
	return string(line[:len(line)-len(" ")])
}
