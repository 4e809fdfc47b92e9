package mpmetrics

import (
	"math"
	"runtime/debug"
	"time"

	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// File is a file of a metrics directory, as an Inspector has found it.
type File struct {
	Name     string    // in the directory
	Type     string    // counter, gauge, histogram or summary; empty where the name is no metric file's
	Mode     string    // of gauges, as in livesum; else empty
	Process  *Process  // whose it is; nil where Type is empty
	Layout   int       // bytes of a value: 16, or 8 as before prometheus_client 0.18; 0 where nothing tells
	Series   int       // sets of labels of a metric: a histogram with all its buckets is one
	Entries  int       // values
	Used     int64     // bytes with content, as the file says
	Size     int64     // bytes
	Modified time.Time // when it was last written to, as the file system has it: some do not see what a mapping changes
	Faults   []*Fault  // what of it could not be used

	source *source
}

func newFile(d dir.Dir, s *source) (*File, error) {
	st, err := d.Stat(s.file)
	if err != nil {
		return nil, err
	}
	f := &File{
		Name:     s.file,
		Used:     int64(s.used),
		Size:     st.Size,
		Modified: time.Unix(st.Mtim.Unix()),
		Entries:  len(s.table),
		source:   s,
	}
	if _, ok := format.ParseFileName(s.file); ok {
		f.Type = s.Type.String()
		if s.Type == format.Gauge {
			f.Mode = s.Mode.String()
		}
	}
	if len(s.table) > 0 {
		f.Layout = int(s.layout)
	}
	for _, e := range s.table {
		if e.sample.err == nil && (e.sample.part == partValue || e.sample.part == partSum) {
			f.Series++
		}
	}
	return f, nil
}

// AppendEntries appends what is in the file, in the order of offsets, up to the first damage. The values are those of the
// moment. It is to be called before the next Look of the Inspector, or its Close.
func (f *File) AppendEntries(dst []Entry) []Entry {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, e := range f.source.table {
		entry := Entry{Sample: Sample{e.sample}, Offset: e.offset()}
		if f.source.value(e, &entry) != nil {
			break // cut short meanwhile
		}
		dst = append(dst, entry)
	}
	return dst
}

// value reads an entry's value and time. The caller must have called debug.SetPanicOnFault.
func (s *source) value(e entry, into *Entry) (err error) {
	defer recoverFault(&err)
	into.Value = s.image.Float(int(e.value))
	if s.layout == format.Layout16 {
		into.Time = unixTime(s.image.Float(int(e.value) + 8))
	}
	return nil
}

// unixTime is a time as files have it, in seconds since 1970; zero where it is none.
func unixTime(seconds float64) time.Time {
	const last = 253402300800 // the year 10000, which text has no place for
	if seconds <= 0 || seconds >= last || math.IsNaN(seconds) {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}
