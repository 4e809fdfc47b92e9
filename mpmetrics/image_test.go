package mpmetrics

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"multiproc/mpmetrics/internal/format"
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
	copy(m, format.AppendHeader(nil))
	var offsets [adders]chan int // of the values that were published
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
				end = appended.Load() // then this is the last time
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

// heapImage gives memory that begins at a multiple of 8, also where an int has 32 bits.
func heapImage(size int) format.Image {
	words := make([]uint64, size/8)
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), size)
}
