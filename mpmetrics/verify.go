package mpmetrics

import (
	"cmp"
	"slices"
)

// Verify reads a metrics directory and reports all that is wrong in it, by file and offset: where a file's format
// ends before the file does, the first such place, and every entry whose key is no sample of such a file. The error
// is that of a directory that cannot be read.
func Verify(path string) ([]*Fault, error) {
	c := NewCollector(path, CollectorOptions{})
	defer c.Close()
	s := c.acquire()
	defer c.release(s)
	var faults []*Fault
	for _, f := range s.layout.faults {
		switch f.Reason {
		case ReasonDirectory:
			return nil, f.Err
		case ReasonKey: // the first of its file; all of them follow
		default:
			faults = append(faults, f)
		}
	}
	for _, s := range c.order {
		for _, e := range s.table {
			if e.sample.err != nil {
				faults = append(faults, s.badKey(e))
			}
		}
	}
	slices.SortStableFunc(faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset))
	})
	return faults, nil
}
