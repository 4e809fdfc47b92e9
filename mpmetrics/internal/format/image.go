// Package format reads and writes the bytes of metric files: names, header, entries and keys, as prometheus_client's
// multiprocess mode for Python has them. It works on memory, mapped or not, and makes no system calls.
package format

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// Sizes in bytes.
const (
	HeaderSize  = 8
	InitialSize = 1 << 16 // of a new file, which grows by doubling
	MaxSize     = 1 << 30 // keeps every offset, and twice the largest, within the format's int32 and a 32-bit int
)

// Image is the content of a metric file, mapped or on the heap. The format is that of prometheus_client's
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
// Entries never move and used never shrinks: an entry is written whole and then published by storing used.
// Values change by one atomic 64-bit operation each. A reader that loads used first therefore sees whole entries and whole
// values at any moment, also in what a killed process left behind.
//
// The format has no version number. Only prometheus_client can change it; Layout says how its two versions are recognized.
//
// The memory must begin at a multiple of 8, as a mapping does.
type Image []byte

// Used loads the number of valid bytes as the file states it: any int32, which the caller must check. The image must hold a
// header.
func (m Image) Used() int {
	return int(int32(m.header().Load()))
}

// Plausible reports whether the header can be that of a metric file of this size. It checks less than a walk.
func (m Image) Plausible(size int64) bool {
	used := m.Used()
	return used%8 == 0 && (used == 0 || used >= HeaderSize && int64(used) <= size) && string(m[4:HeaderSize]) == "\x00\x00\x00\x00"
}

// Publish makes the entries before used visible to readers.
func (m Image) Publish(used int) {
	m.header().Store(uint32(used))
}

func (m Image) header() *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(unsafe.SliceData(m[:HeaderSize])))
}

// Float loads the float64 at off, which must be a multiple of 8. The offsets of values that a Walk returns are.
func (m Image) Float(off int) float64 {
	word := (*atomic.Uint64)(unsafe.Pointer(unsafe.SliceData(m[off : off+8])))
	return math.Float64frombits(word.Load())
}

// AppendHeader appends the header of a file without entries.
func AppendHeader(dst []byte) []byte {
	return append(dst, HeaderSize, 0, 0, 0, 0, 0, 0, 0)
}

// AppendEntry appends an entry in the 16-byte layout whose value and time are 0.
func AppendEntry(dst []byte, key string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(key)))
	dst = append(dst, key...)
	dst = append(dst, "        "[:padding(len(key))]...)
	return append(dst, make([]byte, Layout16)...)
}

func padding(keyLen int) int {
	return 8 - (keyLen+4)%8
}

// Layout is the number of value bytes in an entry. Files do not state it: of a walk in each layout, at most one can reach the
// end of a file with entries, since in the other a value would have to pass for a key.
type Layout int

// Layouts.
const (
	Layout8  Layout = 8  // prometheus_client 0.17.1 and older
	Layout16 Layout = 16 // 0.18 and later, and ours
)

// DamageError is an error: the place where the content of a file stops following the format.
type DamageError struct {
	Offset  int // in bytes
	Problem string
}

func (d *DamageError) Error() string {
	return fmt.Sprintf("offset %d: %s", d.Offset, d.Problem)
}

// ErrEnd is the regular end of a walk.
var ErrEnd = errors.New("end of entries")

// Walk goes through the entries of an image once. It reads each length once and checks it against what is left, so it is
// safe on any bytes, also while they change, and linear in their number. Of keys it checks only the first and last
// characters.
type Walk struct {
	image  Image
	pos    int
	used   int // at most len(image)
	layout Layout
}

// NewWalk returns a walk from pos, the offset of an entry, to used, which is at most len(m).
func NewWalk(m Image, pos, used int, l Layout) Walk { return Walk{m, pos, used, l} }

// Next returns the next entry's bytes before the value (length, key and padding) and the value's offset. The error is
// ErrEnd, or a *DamageError, after which the walk is over.
func (w *Walk) Next() (encoded []byte, value int, err error) {
	left := w.used - w.pos
	if left == 0 {
		return nil, 0, ErrEnd
	}
	if left < 4 {
		return nil, 0, &DamageError{w.pos, fmt.Sprintf("entry cut off: %d bytes left", left)}
	}
	at := w.image[w.pos:w.used]
	n := int(int32(binary.LittleEndian.Uint32(at)))
	if n < len(`[""]`) {
		return nil, 0, &DamageError{w.pos, fmt.Sprintf("key length %d", n)}
	}
	if n > left-4 || 4+n+padding(n)+int(w.layout) > left {
		return nil, 0, &DamageError{w.pos, fmt.Sprintf("key length %d passes the %d bytes in use", n, w.used)}
	}
	key, pad := at[4:4+n], at[4+n:4+n+padding(n)]
	if key[0] != '[' || key[1] != '"' || key[n-1] != ']' {
		return nil, 0, &DamageError{w.pos + 4, fmt.Sprintf("not a key: %.20q", key)}
	}
	for i, c := range pad {
		if c != ' ' {
			return nil, 0, &DamageError{w.pos + 4 + n + i, fmt.Sprintf("padding is %#02x, not a space", c)}
		}
	}
	encoded = at[:4+n+len(pad)]
	value = w.pos + len(encoded)
	w.pos = value + int(w.layout)
	return encoded, value, nil
}

// KeyOf returns the JSON in the bytes of an entry that Next returned.
func KeyOf(encoded string) string {
	n := uint32(encoded[0]) | uint32(encoded[1])<<8 | uint32(encoded[2])<<16 | uint32(encoded[3])<<24
	return encoded[4 : 4+n]
}
