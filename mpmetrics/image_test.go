package mpmetrics

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"
)

// TestImageUnderRace does to an image on the heap what processes do to one that they share: one appends entries and
// publishes them, others change values, and readers walk and load, all at the same time. The race detector, which
// cannot see into mappings, sees this. It is of no use without it, but for the check that nothing is lost.
func TestImageUnderRace(t *testing.T) {
	const (
		entries = 500
		adders  = 2
		readers = 3
		adds    = 500 // of each adder to each entry, and as many to the first one
	)
	m := heapImage(entries * 256)
	copy(m, appendHeader(nil))
	var offsets [adders]chan int // of the values that were published
	for i := range offsets {
		offsets[i] = make(chan int, entries)
	}
	var appended atomic.Bool
	var all sync.WaitGroup
	all.Go(func() {
		defer appended.Store(true)
		used := headerSize
		for i := range entries {
			end := len(appendEntry(m[:used], testKey(i)))
			m.publish(end)
			for _, c := range offsets {
				c <- end - int(layout16)
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
					m.cell(value).add(0.25)
					m.cell(first).add(0.25)
					m.cell(value).setTime(1)
				}
			}
		})
	}
	for range readers {
		all.Go(func() {
			known := samples{typ: counterType}
			var table []entry
			last := map[string]float64{}
			for pos, end := headerSize, false; !end; {
				end = appended.Load() // then this is the last time
				used := m.used()
				longer, err := extendTable(m, pos, used, layout16, &known, table, nil)
				if err != nil {
					t.Errorf("walk from %d to %d: %v", pos, used, err)
					return
				}
				table, pos = longer, used
				for i, e := range table {
					labels, v := e.sample.labels, m.float(int(e.value))
					if len(labels) != 1 || labels[0].value != fmt.Sprint(i) || v < last[e.sample.encoded] {
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

	table, l, err := readTable(m, m.used(), &samples{typ: counterType}, nil)
	if err != nil || l != layout16 || len(table) != entries {
		t.Fatalf("in the end: %d entries, layout %d, %v", len(table), l, err)
	}
	for i, e := range table {
		want := adders * adds * 0.25
		if i == 0 {
			want += entries * want
		}
		if v := m.float(int(e.value)); v != want {
			t.Errorf("entry %d: value %v, want %v", i, v, want)
		}
	}
}

func testKey(i int) string {
	return key{"f", "f_total", []label{{"i", fmt.Sprint(i)}}, "Help."}.encode()
}

// heapImage gives memory that begins at a multiple of 8, also where an int has 32 bits.
func heapImage(size int) image {
	words := make([]uint64, size/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), size)
}
