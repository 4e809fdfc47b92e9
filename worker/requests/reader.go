package requests

import "multiproc/mpmetrics"

// Reader adds up the request metrics of each process in a metrics directory. The zero value is ready to use. It remembers
// samples from one call to the next, so all calls must get files of the same Inspector. It is not safe for concurrent use.
type Reader struct {
	fields  map[mpmetrics.Sample]field
	entries []mpmetrics.Entry // reused
}

// maxFields bounds the samples that a Reader remembers in a directory whose files come and go.
const maxFields = 1 << 20

// field says which of the Totals a sample adds to.
type field int

const (
	fieldNone field = iota
	fieldRequests
	fieldErrors // and requests
	fieldInFlight
	fieldSeconds
	fieldBuckets
	fieldBytes
	fieldPanics
	fieldHarakiris
)

// Read returns the totals of each process that has a file, by id. files are those of an Inspection.
func (r *Reader) Read(files []*mpmetrics.File) map[string]Totals {
	if r.fields == nil || len(r.fields) > maxFields {
		r.fields = map[mpmetrics.Sample]field{}
	}
	totals := map[string]Totals{}
	for _, f := range files {
		if f.Process == nil || f.Type == "gauge" && f.Mode != "livesum" || f.Type == "summary" {
			continue
		}
		t := totals[f.Process.ID]
		r.entries = f.AppendEntries(r.entries[:0])
		for _, e := range r.entries {
			r.add(&t, e)
		}
		totals[f.Process.ID] = t
	}
	return totals
}

func (r *Reader) add(t *Totals, e mpmetrics.Entry) {
	to, ok := r.fields[e.Sample]
	if !ok {
		to = fieldOf(e.Sample)
		r.fields[e.Sample] = to
	}
	switch to {
	case fieldNone:
		return
	case fieldErrors:
		t.Errors += e.Value
		t.Requests += e.Value
	case fieldRequests:
		t.Requests += e.Value
	case fieldInFlight:
		t.InFlight += e.Value
	case fieldSeconds:
		t.Seconds += e.Value
	case fieldBytes:
		t.Bytes += e.Value
	case fieldPanics:
		t.Panics += e.Value
	case fieldHarakiris:
		t.Harakiris += e.Value
	case fieldBuckets:
		if t.Buckets == nil {
			t.Buckets = map[float64]float64{}
		}
		t.Buckets[e.Sample.Bound()] += e.Value
	}
	t.Known = true
}

func fieldOf(s mpmetrics.Sample) field {
	if s.Err() != nil {
		return fieldNone
	}
	switch s.Name() {
	case Total:
		if code := s.Label(LabelCode); len(code) == 3 && code[0] == '5' {
			return fieldErrors
		}
		return fieldRequests
	case InFlight:
		return fieldInFlight
	case Duration + "_sum":
		return fieldSeconds
	case Duration + "_bucket":
		return fieldBuckets
	case Bytes:
		return fieldBytes
	case Panics:
		return fieldPanics
	case Harakiri:
		return fieldHarakiris
	}
	return fieldNone
}
