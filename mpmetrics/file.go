package mpmetrics

import (
	"math"
	"runtime/debug"
	"time"

	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// File is a file in a metrics directory, as an Inspector found it.
type File struct {
	Name     string    // in the directory
	Type     string    // counter, gauge, histogram or summary; empty if the name is not that of a metric file
	Mode     string    // of gauges, as in livesum; otherwise empty
	Process  *Process  // its writer; nil if Type is empty
	Layout   int       // bytes per value: 16, or 8 as before prometheus_client 0.18; 0 if there is no entry
	Series   int       // a histogram with all its buckets is one
	Entries  int       // values
	Used     int64     // bytes with content, according to the header
	Size     int64     // bytes
	Modified time.Time // according to the file system: some do not notice changes through a mapping
	Faults   []*Fault

	source *source
}

// IsFileName reports whether a file with this name in a metrics directory is read.
func IsFileName(name string) bool {
	_, ok := format.ParseFileName(name)
	return ok
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

// AppendEntries appends the entries of the file to dst, by offset, up to the first damage. The values are read now. It must be
// called before the next Look or the Close of the Inspector.
func (f *File) AppendEntries(dst []Entry) []Entry {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for _, e := range f.source.table {
		entry := Entry{Sample: Sample{e.sample}, Offset: e.offset()}
		if f.source.readEntry(e, &entry) != nil {
			break // truncated meanwhile
		}
		dst = append(dst, entry)
	}
	return dst
}

// readEntry reads an entry's value and time. The caller must have called debug.SetPanicOnFault.
func (s *source) readEntry(e entry, into *Entry) (err error) {
	defer recoverFault(s.image, &err)
	into.Value = s.image.Float(int(e.value))
	if s.layout == format.Layout16 {
		into.Time = unixTime(s.image.Float(int(e.value) + 8))
	}
	return nil
}

// unixTime converts a time in Unix seconds. It returns the zero time for numbers that are not a time.
func unixTime(seconds float64) time.Time {
	const last = 253402300800 // the year 10000, which text formats cannot represent
	if seconds <= 0 || seconds >= last || math.IsNaN(seconds) {
		return time.Time{}
	}
	whole, fraction := math.Modf(seconds)
	return time.Unix(int64(whole), int64(fraction*1e9))
}
