package requests

import "multiproc/mpmetrics"

// Reader adds up the request metrics of each process in a metrics directory. The zero value is ready to use. It remembers
// samples from one call to the next, so all calls must get files of the same Inspector. It is not safe for concurrent use.
type Reader struct {
	adders  map[mpmetrics.Sample]adder
	entries []mpmetrics.Entry // reused
}

// maxAdders bounds the samples that a Reader remembers in a directory whose files come and go.
const maxAdders = 1 << 20

// adder adds the value of a sample to the totals of its process; nil: it is not a request metric.
type adder func(t *Totals, value float64)

// Read returns the totals of each process that has a file, by id. files are those of an Inspection.
func (r *Reader) Read(files []*mpmetrics.File) map[string]Totals {
	if r.adders == nil || len(r.adders) > maxAdders {
		r.adders = map[mpmetrics.Sample]adder{}
	}
	totals := map[string]Totals{}
	for _, f := range files {
		if f.Process == nil || f.Type == "gauge" && f.Mode != "livesum" || f.Type == "summary" {
			continue
		}
		t := totals[f.Process.ID]
		r.entries = f.AppendEntries(r.entries[:0])
		for _, e := range r.entries {
			add, ok := r.adders[e.Sample]
			if !ok {
				add = adderOf(e.Sample)
				r.adders[e.Sample] = add
			}
			if add != nil {
				t.Known = true
				add(&t, e.Value)
			}
		}
		totals[f.Process.ID] = t
	}
	return totals
}

func adderOf(s mpmetrics.Sample) adder {
	if s.Err() != nil {
		return nil
	}
	switch s.Name() {
	case Total:
		if code := s.Label(LabelCode); len(code) == 3 && code[0] == '5' {
			return func(t *Totals, n float64) { t.Requests += n; t.Errors += n }
		}
		return func(t *Totals, n float64) { t.Requests += n }
	case InFlight:
		return func(t *Totals, n float64) { t.InFlight += n }
	case Duration + "_sum":
		return func(t *Totals, seconds float64) { t.Seconds += seconds }
	case Duration + "_bucket":
		bound := s.Bound()
		return func(t *Totals, n float64) {
			if t.Buckets == nil {
				t.Buckets = map[float64]float64{}
			}
			t.Buckets[bound] += n
		}
	case Bytes:
		return func(t *Totals, n float64) { t.Bytes += n }
	case Panics:
		return func(t *Totals, n float64) { t.Panics += n }
	case Harakiri:
		return func(t *Totals, n float64) { t.Harakiris += n }
	}
	return nil
}
