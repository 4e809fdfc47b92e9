package mpmetrics

import (
	"errors"
	"slices"

	"multiproc/mpmetrics/internal/format"
)

// entry is the place of a sample's value.
type entry struct {
	sample *sample
	value  uint32 // offset
}

// offset returns the offset of the entry in its file.
func (e entry) offset() int { return int(e.value) - len(e.sample.encoded) }

// readTable reads the entries before end in the layout that fits, up to the first damage. It is linear in the bytes. like is
// the table of another file: as far as both have the same keys in the same order, as they do in processes of one program,
// nothing is looked up and the memory is shared.
func readTable(m format.Image, end int, known *samples, like []entry) ([]entry, format.Layout, error) {
	table16, err16 := extendTable(m, format.HeaderSize, end, format.Layout16, known, nil, like)
	if err16 == nil {
		return table16, format.Layout16, nil
	}
	table8, err8 := extendTable(m, format.HeaderSize, end, format.Layout8, known, nil, nil)
	if err8 == nil || len(table8) > len(table16) {
		return table8, format.Layout8, err8
	}
	return table16, format.Layout16, err16
}

// extendTable appends the entries from pos to end to a table, whose memory it does not change. The error is a *format.DamageError.
func extendTable(m format.Image, pos, end int, l format.Layout, known *samples, table, like []entry) ([]entry, error) {
	if len(table) == 0 {
		table = like[:sameEntries(m[:end], pos, l, like)]
		if n := len(table); n > 0 {
			pos = int(table[n-1].value) + int(l)
		}
	}
	shared := len(table)
	w := format.NewWalk(m, pos, end, l)
	for {
		encoded, value, err := w.Next()
		if errors.Is(err, format.ErrEnd) {
			return table, nil
		}
		if err != nil {
			return table, err
		}
		if len(table) == shared {
			// Room for all the rest, if that is like the first, but bounded: a file can claim anything.
			n := min(1+(end-value)/(len(encoded)+int(l)), 1<<12)
			table = slices.Grow(slices.Clip(table), n)
			known.expect(n)
		}
		table = append(table, entry{known.intern(encoded), uint32(value)})
	}
}

// sameEntries returns the number of entries, from pos on, that m has in common with a table.
func sameEntries(m format.Image, pos int, l format.Layout, like []entry) int {
	for i, e := range like {
		n := len(e.sample.encoded)
		if int(e.value) != pos+n || len(m)-pos < n+int(l) || string(m[pos:pos+n]) != e.sample.encoded {
			return i
		}
		pos += n + int(l)
	}
	return len(like)
}
