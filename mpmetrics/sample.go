package mpmetrics

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"multiproc/mpmetrics/internal/format"
)

// sample is a decoded key, interpreted by its file's type. All files of the type that hold the key share it.
type sample struct {
	encoded string // the key as in the file, with its length and padding
	family  string // as exposed: of a counter with _total
	help    string
	labels  []format.Label // without le of a bucket and pid of a gauge
	part    part
	bound   float64 // of a bucket
	err     error   // why it cannot be exposed; then only encoded is set too
}

// part distinguishes the samples of one series, in their order on the page.
type part uint8

const (
	partValue  part = iota // of a counter or gauge
	partBucket             // of a histogram
	partSum                // of a histogram or summary
	partCount              // of a histogram or summary
)

// samples interns the samples of one type by their encoded keys. It allocates them in blocks, which saves a third of the time
// of a first scrape.
type samples struct {
	typ   format.Type
	known map[string]*sample

	room       []sample // for the next samples
	roomLabels []format.Label
	decoded    []format.Label // reused
}

func (s *samples) intern(encoded []byte) *sample {
	if known := s.known[string(encoded)]; known != nil {
		return known
	}
	made := s.make(string(encoded))
	s.keep(made)
	return made
}

// expect makes room for the first n samples.
func (s *samples) expect(n int) {
	if s.known == nil {
		s.known = make(map[string]*sample, n)
	}
}

func (s *samples) keep(known *sample) {
	s.expect(1)
	s.known[known.encoded] = known
}

func (s *samples) make(encoded string) *sample {
	if len(s.room) == 0 {
		s.room = make([]sample, 64)
	}
	made := &s.room[0]
	s.room = s.room[1:]
	k, err := format.DecodeKey(format.KeyOf(encoded), s.decoded[:0])
	s.decoded = k.Labels
	if err == nil {
		err = made.interpret(s.typ, k)
	}
	if err != nil {
		*made = sample{encoded: encoded, err: err}
		return made
	}
	made.encoded = encoded
	if n := len(made.labels); n > 0 {
		if n > cap(s.roomLabels)-len(s.roomLabels) {
			s.roomLabels = make([]format.Label, 0, n+128)
		}
		s.roomLabels = append(s.roomLabels, made.labels...)
		made.labels = slices.Clip(s.roomLabels[len(s.roomLabels)-n:])
	}
	return made
}

// interpret sets s from a key. It refuses keys whose line a scraper could not read or would assign to another family, since
// one bad line costs the whole page.
func (s *sample) interpret(t format.Type, k format.Key) error {
	if !exposable(k.Family) {
		return fmt.Errorf("%q is not a valid metric name", k.Family)
	}
	s.family, s.help, s.labels = k.Family, k.Help, k.Labels
	suffix, ok := strings.CutPrefix(k.Sample, k.Family)
	if !ok {
		return fmt.Errorf("sample %q does not belong to family %q", k.Sample, k.Family)
	}
	misfit := func() error { return fmt.Errorf("sample %q is not one of the %s %q", k.Sample, t, k.Family) }
	switch t {
	case format.Counter:
		switch suffix {
		case "_total":
			s.family = k.Sample
		case "": // as before version 0.4
			s.family = strings.TrimSuffix(k.Family, "_total") + "_total"
		default:
			return misfit()
		}
	case format.Gauge:
		if suffix != "" {
			return misfit()
		}
		s.drop("pid")
	case format.Summary, format.Histogram:
		switch {
		case suffix == "_sum":
			s.part = partSum
		case suffix == "_count":
			s.part = partCount
		case suffix == "_bucket" && t == format.Histogram:
			s.part = partBucket
			le, ok := s.drop("le")
			if s.bound, ok = parseBound(le, ok); !ok {
				return fmt.Errorf("le of a bucket is %q, not a number", le)
			}
		default:
			return misfit()
		}
	}
	reserved := reservedLabel(t)
	for _, l := range s.labels {
		if !exposable(l.Name) || strings.HasPrefix(l.Name, "__") || l.Name == reserved {
			return fmt.Errorf("%q is not a valid label name in a %s", l.Name, t)
		}
	}
	return nil
}

// exposable reports whether a name can be written in some way. It is UTF-8, like all strings of a key.
func exposable(name string) bool {
	return name != "" && strings.IndexByte(name, 0) < 0
}

func (s *sample) drop(name string) (value string, found bool) {
	i := slices.IndexFunc(s.labels, func(l format.Label) bool { return l.Name == name })
	if i < 0 {
		return "", false
	}
	value = s.labels[i].Value
	s.labels = slices.Delete(s.labels, i, i+1)
	return value, true
}

func parseBound(le string, found bool) (float64, bool) {
	bound, err := strconv.ParseFloat(le, 64)
	return bound, found && err == nil && !math.IsNaN(bound)
}
