package mpmetrics

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics/internal/format"
)

// FuzzReadTable reads any bytes as a metric file and compares the table with the entries that a writer makes of its keys.
func FuzzReadTable(f *testing.F) {
	for _, name := range goldenFiles(f) {
		content, used := goldenFile(f, name)
		f.Add([]byte(content[:min(used, 1<<13)])) // the rest of the large ones is similar
	}
	f.Add(fileOf(format.Layout16, shortKey, shortKey))
	f.Add(fileOf(format.Layout8, shortKey, shortKey))
	f.Add(fileOf(format.Layout16, shortKey, `["a", "b", {}, ""`, shortKey))
	cut := fileOf(format.Layout16, shortKey)
	f.Add(cut[:len(cut)-4])
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) < format.HeaderSize {
			return // never read
		}
		m := alignedImage(file)
		end := m.Used()
		if end < format.HeaderSize || end > len(m) {
			end = len(m)
		}
		known := &samples{typ: format.Counter}
		table, l, err := readTable(m, end, known, nil)

		want, wantLayout, wantErr := expectedTable(m[:end])
		if got := offsetsOf(table); !slices.Equal(got, want) || l != wantLayout || (err != nil) != wantErr {
			t.Fatalf("values at %v in layout %d, error %v; want %v in layout %d, error %t", got, l, err, want, wantLayout, wantErr)
		}
		pos := format.HeaderSize
		for _, e := range table {
			at := int(e.value)
			if at%8 != 0 || at+int(l) > end || at-len(e.sample.encoded) != pos || string(m[pos:at]) != e.sample.encoded {
				t.Fatalf("value at %d of %d after %q: not the content, or not all of it", at, end, e.sample.encoded)
			}
			pos = at + int(l)
		}
		if d := (*format.DamageError)(nil); err == nil && pos != end || err != nil && (!errors.As(err, &d) || d.Offset < pos || d.Offset > end) {
			t.Fatalf("read up to %d of %d: %v", pos, end, err)
		}
		if err == nil && l == format.Layout16 && !bytes.Equal(rewritten(m, table), m[format.HeaderSize:end]) {
			t.Fatalf("encoded again:\n%q, was\n%q", rewritten(m, table), m[format.HeaderSize:end])
		}

		// The table of another file saves work and changes nothing.
		short := []byte(entryOf(format.Layout8, shortKey))
		short = short[:len(short)-int(format.Layout8)]
		more := append(slices.Clip(table), entry{known.intern(short), uint32(pos + len(short))})
		unlike := alignedImage(fileOf(format.Layout8, shortKey, shortKey))
		other, _, _ := readTable(unlike, len(unlike), known, nil)
		for _, like := range [][]entry{table, table[:len(table)/2], more, other} {
			again, l2, err2 := readTable(m, end, known, like)
			if !slices.Equal(again, table) || l2 != l || fmt.Sprint(err2) != fmt.Sprint(err) {
				t.Fatalf("after a file with values at %v: values at %v in layout %d, %v; alone at %v in layout %d, %v",
					offsetsOf(like), offsetsOf(again), l2, err2, offsetsOf(table), l, err)
			}
		}
	})
}

// TestReadTableTruncated truncates golden files at every length.
func TestReadTableTruncated(t *testing.T) {
	for i, name := range goldenFiles(t) {
		if i%proctest.Rounds(4, 1) != 0 {
			continue
		}
		content, used := goldenFile(t, name)
		known := &samples{typ: format.Counter}
		whole, l, err := readTable(content, used, known, nil)
		if err != nil || len(whole) == 0 || !strings.Contains(name, fmt.Sprintf("/h%d/", l)) {
			t.Fatalf("%s: %d entries in layout %d, %v", name, len(whole), l, err)
		}
		for _, n := range truncations(used, whole, l) {
			got, _, err := readTable(content[:n:n], n, known, nil)
			if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) {
				t.Fatalf("%s, cut to %d: values at %v, not a prefix of %v", name, n, offsetsOf(got), offsetsOf(whole))
			}
			left := 0
			for left < len(whole) && int(whole[left].value+uint32(l)) <= n {
				left++
			}
			// A first entry alone, with 8 value bytes too few or too many, is whole in the other layout.
			if len(got) != left && (l != format.Layout16 || left > 0 || len(got) > 1) {
				t.Fatalf("%s, cut to %d: %d entries, %d are whole", name, n, len(got), left)
			}
			if last := pastEntry(whole, left, l); n != last && err == nil && len(got) > 1 {
				t.Fatalf("%s, cut to %d, %d after an entry: no error", name, n, n-last)
			}
		}
	}
}

// truncations returns all lengths to truncate a file to; of a large one, those around the ends of entries and some others.
func truncations(used int, whole []entry, l format.Layout) (all []int) {
	const small = 8 << 10
	step := 1
	if used > small {
		step = 97
		for i := range whole {
			at := pastEntry(whole, i, l)
			for n := at - 8; n <= at+8 && len(whole) < 1000 || n <= at+8 && i%50 == 0; n++ {
				all = append(all, n)
			}
		}
	}
	for n := format.HeaderSize; n < used; n += step {
		all = append(all, n)
	}
	return slices.DeleteFunc(all, func(n int) bool { return n < format.HeaderSize || n > used })
}

// pastEntry returns the end of the first n entries.
func pastEntry(table []entry, n int, l format.Layout) int {
	if n == 0 {
		return format.HeaderSize
	}
	return int(table[n-1].value) + int(l)
}

func TestReadTableLayout(t *testing.T) {
	long := `["f", "f_total", {"path": "/"}, "Help."]`
	e8, e16 := entryOf(format.Layout8, long), entryOf(format.Layout16, long)
	f := func(name string, entries string, wantEntries int, wantLayout format.Layout, wantDamage int) {
		t.Helper()
		m := alignedImage([]byte(string(format.AppendHeader(nil)) + entries))
		table, l, err := readTable(m, len(m), &samples{typ: format.Counter}, nil)
		off := 0
		if d := (*format.DamageError)(nil); errors.As(err, &d) {
			off = d.Offset
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(table) != wantEntries || l != wantLayout || off != wantDamage {
			t.Errorf("%s: %d entries in layout %d, damage at %d; want %d in %d, damage at %d",
				name, len(table), l, off, wantEntries, wantLayout, wantDamage)
		}
	}
	past8, past16 := format.HeaderSize+len(e8), format.HeaderSize+len(e16)
	f("no entries", "", 0, format.Layout16, 0)
	f("one of 16", e16, 1, format.Layout16, 0)
	f("one of 8", e8, 1, format.Layout8, 0)
	f("two of 16", e16+e16, 2, format.Layout16, 0)
	f("two of 8", e8+e8, 2, format.Layout8, 0)
	// Of a mixture, the first layout counts, and one entry of the other, whose value has the same offset in both.
	f("16, 16, 8", e16+e16+e8, 2, format.Layout16, past16+len(e16))
	f("8, 8, 16", e8+e8+e16, 3, format.Layout8, past8+2*len(e8))
	f("8, 8, 16, 16", e8+e8+e16+e16, 3, format.Layout8, past8+2*len(e8))
	f("16, 8, 8", e16+e8+e8, 2, format.Layout16, past16+len(e16))
	// The first entry alone can be in either layout: 16 wins.
	f("one of 16 and half of another", e16+e16[:20], 1, format.Layout16, past16)
	f("nothing whole", e8[:len(e8)-1], 0, format.Layout16, format.HeaderSize)
}

const shortKey = `["a", "b", {}, ""]`

// expectedTable returns the offsets of the values in an image. It compares the image with the entries that would be written for
// its keys, in the layout that explains all of it, or else more of it.
func expectedTable(m format.Image) (values []int, l format.Layout, damaged bool) {
	in := func(l format.Layout) (at []int, whole bool) {
		pos := format.HeaderSize
		for pos < len(m) {
			var n uint32
			if len(m)-pos >= 4 {
				n = binary.LittleEndian.Uint32(m[pos:])
			}
			if n < 4 || n > uint32(len(m)) || pos+4+int(n) > len(m) {
				return at, false
			}
			key := string(m[pos+4 : pos+4+int(n)])
			e := entryOf(l, key)
			if !strings.HasPrefix(key, `["`) || !strings.HasSuffix(key, "]") || len(m)-pos < len(e) ||
				string(m[pos:pos+len(e)-int(l)]) != e[:len(e)-int(l)] {
				return at, false
			}
			pos += len(e)
			at = append(at, pos-int(l))
		}
		return at, true
	}
	at16, whole16 := in(format.Layout16)
	at8, whole8 := in(format.Layout8)
	if !whole16 && (whole8 || len(at8) > len(at16)) {
		return at8, format.Layout8, !whole8
	}
	return at16, format.Layout16, !whole16
}

// rewritten returns the entries that a writer would make of the keys and values of a table.
func rewritten(m format.Image, table []entry) (entries []byte) {
	for _, e := range table {
		entries = format.AppendEntry(entries, format.KeyOf(e.sample.encoded))
		entries = entries[:len(entries)-int(format.Layout16)]
		entries = append(entries, m[e.value:e.value+uint32(format.Layout16)]...)
	}
	return entries
}

func offsetsOf(table []entry) (at []int) {
	for _, e := range table {
		at = append(at, int(e.value))
	}
	return at
}

// entryOf returns an entry in either layout, with value 1.
func entryOf(l format.Layout, key string) string {
	b := format.AppendEntry(nil, key)
	binary.LittleEndian.PutUint64(b[len(b)-int(format.Layout16):], math.Float64bits(1))
	return string(b[:len(b)-int(format.Layout16-l)])
}

func fileOf(l format.Layout, keys ...string) []byte {
	b := format.AppendHeader(nil)
	for _, k := range keys {
		b = append(b, entryOf(l, k)...)
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)))
	return b
}

// alignedImage copies content to 8-byte aligned memory, with nothing behind it.
func alignedImage(content []byte) format.Image {
	words := make([]uint64, (len(content)+7)/8)
	m := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), len(words)*8)[:len(content):len(content)]
	copy(m, content)
	return m
}

// goldenFiles returns metric files that prometheus_client wrote, in the folder h16 or h8 by their layout.
func goldenFiles(tb testing.TB) []string {
	tb.Helper()
	names, err := filepath.Glob("../testdata/conformance/h*/*/*.db")
	if err != nil || len(names) != 200 {
		tb.Fatalf("%d golden files, %v; want 200", len(names), err)
	}
	return names
}

func goldenFile(tb testing.TB, name string) (content format.Image, used int) {
	tb.Helper()
	b, err := os.ReadFile(name)
	check(tb, err)
	content = alignedImage(b)
	return content, content.Used()
}

// TestImageUnderRace uses an image on the heap as processes use a mapped one: concurrently, one goroutine appends and publishes
// entries, others change values, and readers walk and load. The race detector does not see mapped memory, but it sees this.
// Without it the test only checks that nothing is lost.
func TestImageUnderRace(t *testing.T) {
	const (
		entries = 500
		adders  = 2
		readers = 3
		adds    = 500 // per adder and entry, and as many to the first entry
	)
	m := heapImage(entries * 256)
	copy(m, format.AppendHeader(nil))
	var offsets [adders]chan int // of published values
	for i := range offsets {
		offsets[i] = make(chan int, entries)
	}
	var appended atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		defer appended.Store(true)
		used := format.HeaderSize
		for i := range entries {
			end := len(format.AppendEntry(m[:used], testKey(i)))
			m.Publish(end)
			for _, c := range offsets {
				c <- end - int(format.Layout16)
			}
			used = end
		}
		for _, c := range offsets {
			close(c)
		}
	})
	for _, c := range offsets {
		all.Go(func() {
			first := 0
			for value := range c {
				if first == 0 {
					first = value
				}
				for range adds {
					m.Cell(value).Add(0.25)
					m.Cell(first).Add(0.25)
					m.Cell(value).SetTime(1)
				}
			}
		})
	}
	for range readers {
		all.Go(func() {
			known := samples{typ: format.Counter}
			var table []entry
			last := map[string]float64{}
			for pos, end := format.HeaderSize, false; !end; {
				end = appended.Load() // then this is the last round
				used := m.Used()
				longer, err := extendTable(m, pos, used, format.Layout16, &known, table, nil)
				if err != nil {
					t.Errorf("walk from %d to %d: %v", pos, used, err)
					return
				}
				table, pos = longer, used
				for i, e := range table {
					labels, v := e.sample.labels, m.Float(int(e.value))
					if len(labels) != 1 || labels[0].Value != fmt.Sprint(i) || v < last[e.sample.encoded] {
						t.Errorf("entry %d: labels %v, value %v after %v", i, labels, v, last[e.sample.encoded])
						return
					}
					last[e.sample.encoded] = v
				}
			}
			if len(table) != entries {
				t.Errorf("%d entries walked, want %d", len(table), entries)
			}
		})
	}
	all.Wait()

	table, l, err := readTable(m, m.Used(), &samples{typ: format.Counter}, nil)
	if err != nil || l != format.Layout16 || len(table) != entries {
		t.Fatalf("in the end: %d entries, layout %d, %v", len(table), l, err)
	}
	for i, e := range table {
		want := adders * adds * 0.25
		if i == 0 {
			want += entries * want
		}
		if v := m.Float(int(e.value)); v != want {
			t.Errorf("entry %d: value %v, want %v", i, v, want)
		}
	}
}

func testKey(i int) string {
	return format.Key{Family: "f", Sample: "f_total", Labels: []format.Label{{Name: "i", Value: fmt.Sprint(i)}}, Help: "Help."}.Encode()
}

// heapImage returns 8-byte aligned memory, also if an int has 32 bits.
func heapImage(size int) format.Image {
	words := make([]uint64, size/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), size)
}
