package mpmetrics

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

const (
	headerSize  = 8
	initialSize = 1 << 16
	// maxSize keeps every offset, and twice the largest, within the format's int32 and a 32-bit int.
	maxSize = 1 << 30
)

// image is the content of a metric file, mapped or on the heap. It is the format of prometheus_client's
// mmap_dict.py, little endian:
//
//	off 0   int32    used: valid bytes in the file, this header's 8 included
//	off 4   4 bytes  zero
//	off 8   entries, back to back, until used
//
// and an entry, at a multiple of 8:
//
//	+0      int32    n: bytes of the key without padding, at least 1
//	+4      n bytes  key: JSON, ASCII
//	+4+n    spaces   8-(n+4)%8 of them: always 1 to 8, never 0
//	        float64  value
//	        float64  unix time in seconds, set by mostrecent gauges, else 0; absent before version 0.18
//
// Entries never move and used never shrinks: an entry is written whole and published by storing used after it.
// Values change by one atomic 64-bit operation each. So whoever loads used first sees whole entries and whole
// values at any moment, also in what a killed process left behind.
//
// The format has no version number. A change of it is a change of prometheus_client's, told apart as layout does.
//
// The memory must begin at a multiple of 8, as a mapping does.
type image []byte

// used loads the number of valid bytes as the file states it: any int32, to be checked by the caller.
// The image must hold a header.
func (m image) used() int {
	return int(int32(m.header().Load()))
}

// publish makes the entries before used visible to readers.
func (m image) publish(used int) {
	m.header().Store(uint32(used))
}

func (m image) header() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(m[:headerSize])))
}

// float loads the float64 at off, which must be a multiple of 8, as the offsets of values are that a walk returns.
func (m image) float(off int) float64 {
	word := (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(m[off : off+8])))
	return math.Float64frombits(word.Load())
}

// appendHeader appends the header of a file without entries.
func appendHeader(dst []byte) []byte {
	return append(dst, headerSize, 0, 0, 0, 0, 0, 0, 0)
}

// appendEntry appends an entry in the 16-byte layout whose value and time are 0.
func appendEntry(dst []byte, key string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = append(dst, key...)
	dst = append(dst, "        "[:padding(len(key))]...)
	return append(dst, make([]byte, layout16)...)
}

func padding(keyLen int) int {
	return 8 - (keyLen+4)%8
}

// layout is the number of value bytes in an entry. No file says which it has: of the two walks at most one can
// reach the end of a file with entries, since under the other one a value would have to pass for a key.
type layout int

const (
	layout8  layout = 8  // prometheus_client 0.17.1 and older
	layout16 layout = 16 // 0.18 and later, and ours
)

// damage is a place in a file where the format ends.
type damage struct {
	off  int
	what string
}

func (d *damage) Error() string {
	return fmt.Sprintf("offset %d: %s", d.off, d.what)
}

// errEnd is the regular end of a walk.
var errEnd = errors.New("end of entries")

// walk goes through the entries of an image once, from pos to used. It reads each length once and checks it
// against what is left, so that it is safe on any bytes, also while they change, and linear in their number.
// It does not look into keys further than their first and last characters.
type walk struct {
	image  image
	pos    int
	used   int // at most len(image)
	layout layout
}

// newWalk begins a walk at pos, the offset of an entry, that ends at used, at most len(m).
func newWalk(m image, pos, used int, l layout) walk { return walk{m, pos, used, l} }

// next returns the entry's bytes before the value (length, key and padding) and the value's offset. It fails
// with errEnd, or with a *damage after which the walk is over.
func (w *walk) next() (encoded []byte, value int, err error) {
	left := w.used - w.pos
	if left == 0 {
		return nil, 0, errEnd
	}
	if left < 4 {
		return nil, 0, &damage{w.pos, fmt.Sprintf("entry cut off: %d bytes left", left)}
	}
	at := w.image[w.pos:w.used]
	n := int(int32(binary.LittleEndian.Uint32(at)))
	if n < len(`[""]`) {
		return nil, 0, &damage{w.pos, fmt.Sprintf("key length %d", n)}
	}
	if n > left-4 || 4+n+padding(n)+int(w.layout) > left {
		return nil, 0, &damage{w.pos, fmt.Sprintf("key length %d passes the %d bytes in use", n, w.used)}
	}
	key, pad := at[4:4+n], at[4+n:4+n+padding(n)]
	if key[0] != '[' || key[1] != '"' || key[n-1] != ']' {
		return nil, 0, &damage{w.pos + 4, fmt.Sprintf("not a key: %.20q", key)}
	}
	for i, c := range pad {
		if c != ' ' {
			return nil, 0, &damage{w.pos + 4 + n + i, fmt.Sprintf("padding is %#02x, not a space", c)}
		}
	}
	encoded = at[:4+n+len(pad)]
	value = w.pos + len(encoded)
	w.pos = value + int(w.layout)
	return encoded, value, nil
}

// keyOf is the JSON in an entry's encoded bytes.
func keyOf(encoded string) string {
	n := uint32(encoded[0]) | uint32(encoded[1])<<8 | uint32(encoded[2])<<16 | uint32(encoded[3])<<24
	return encoded[4 : 4+n]
}
