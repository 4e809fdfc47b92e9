package mpmetrics

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// salvaged is an entry of a file that cannot be continued.
type salvaged struct {
	value, time float64
}

// salvage reads what readers counted of a file that is to be replaced, so that no counter on the page goes down: the
// entries before the damage, in whichever layout they are.
func salvage(dir dirfd, name string) (map[string]salvaged, error) {
	fail := func(err error) (map[string]salvaged, error) {
		return nil, fmt.Errorf("read damaged metric file %s: %w", dir.join(name), err)
	}
	fd, err := dir.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fail(os.NewSyscallError("fstat", err))
	}
	if st.Size < headerSize {
		return nil, nil
	}
	header := make(image, headerSize)
	if err := readStart(fd, header); err != nil {
		return fail(err)
	}
	used := int(min(int64(header.used()), st.Size, maxSize))
	if used < headerSize {
		return nil, nil
	}
	content := make(image, used)
	if err := readStart(fd, content); err != nil {
		return fail(err)
	}
	entries, whole := salvageLayout(content, layout16)
	if !whole {
		if entries8, whole := salvageLayout(content, layout8); whole || len(entries8) > len(entries) {
			entries = entries8
		}
	}
	return entries, nil
}

func salvageLayout(m image, l layout) (entries map[string]salvaged, whole bool) {
	entries = map[string]salvaged{}
	for w := (walk{m, headerSize, len(m), l}); ; {
		encoded, value, err := w.next()
		if err != nil {
			return entries, errors.Is(err, errEnd)
		}
		e := salvaged{value: float(m.word(value))}
		if l == layout16 {
			e.time = float(m.word(value + 8))
		}
		entries[keyOf(string(encoded))] = e
	}
}

// restore puts salvaged entries into a file that was just made.
func (f *sharedFile) restore(entries map[string]salvaged) error {
	keys := slices.Sorted(maps.Keys(entries))
	pairs, err := f.place(keys, len(keys))
	if err != nil {
		return err
	}
	for i, k := range keys {
		pairs[i].value.Store(math.Float64bits(entries[k].value))
		pairs[i].time.Store(math.Float64bits(entries[k].time))
		f.entries[k] = located{value: f.entries[k].value} // it was another process that made it
	}
	return nil
}
