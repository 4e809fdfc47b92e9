package mpmetrics

import (
	"multiproc/mpmetrics/internal/format"
)

import "time"

// Entry is one value in a metric file, as it stands there.
type Entry struct {
	Sample Sample    // what the value is
	Offset int       // of the entry in the file, in bytes
	Value  float64   // of a histogram's bucket: observations in this bucket alone, where the page has those up to it
	Time   time.Time // when a mostrecent gauge was set; zero for all others
}

// Sample says what an entry's value is. It is comparable: all files of a type that hold the same key have the same Sample,
// as long as the Inspector that gave it lives.
type Sample struct{ s *sample }

// Name is what the sample's line on the page begins with, as in http_requests_total; empty where it is none.
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

// Label is the value of a label, empty where there is none. The bound of a bucket is not a label but Bound.
func (s Sample) Label(name string) string {
	for _, l := range s.s.labels {
		if l.Name == name {
			return l.Value
		}
	}
	return ""
}

// Bound is up to which value a histogram's bucket counts, in the unit of what is observed. It is 0 for all other samples.
func (s Sample) Bound() float64 { return s.s.bound }

// Err is why the sample cannot be on the page; nil where it can.
func (s Sample) Err() error { return s.s.err }

// String is the sample as the page has it, up to its value. One that cannot be there is its key in the file, which may
// hold any bytes.
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
