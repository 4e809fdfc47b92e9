package mpmetrics

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// Errors after which a series stays in memory for good, besides dir.ErrWiped.
var (
	errFull   = errors.New("the file has the maximum number of series")
	errClosed = errors.New("the writer is closed")
)

// sharedFile is a metric file that this process writes. It is not safe for concurrent use. The cells that it returns stay
// valid until the process ends, whatever becomes of the file, and need no lock.
//
// Their space on the disk is allocated first. Copy-on-write file systems (btrfs, ZFS) may still find none on a full disk,
// which raises SIGBUS.
type sharedFile struct {
	fd       int
	mappings []mapping // of the whole file, in order; never unmapped
	size     int
	used     int
	backed   int                // bytes whose space is allocated, whole pages
	entries  map[string]located // by key
	buf      []byte
}

// mapping is an image of the file from an offset on.
type mapping struct {
	from  int
	image format.Image
}

// located is the place of an entry.
type located struct {
	value int  // offset of the value
	mine  bool // made by this process, not by the id's last holder
}

// openShared opens or makes the file of a kind. A file that cannot be continued, because it is damaged or of the 8-byte
// layout, is moved into the library's own subdirectory, where no reader sees it, and setAside is the reason. A new file
// begins at 0, which Prometheus treats as a restart of the process.
func openShared(lease dir.Lease, k format.Kind) (f *sharedFile, setAside error, err error) {
	// After a wipe the name may be that of a file which another process has made under the same id. A wipe removes the lock
	// files first, so if ours is there before and after, the right file was opened.
	if !lease.Valid() {
		return nil, nil, dir.ErrWiped
	}
	name := format.FileName{Kind: k, ID: lease.ID}.String()
	// If the id's last holder died in createShared, its file may have two names.
	if err := lease.Dir.Unlink(tempName(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	f, err = continueShared(lease.Dir, name)
	if _, ok := errors.AsType[*format.DamageError](err); ok && lease.Valid() {
		setAside, err = err, fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		f, err = createShared(lease, name, setAside != nil)
	}
	if err == nil && !lease.Valid() {
		_ = unix.Close(f.fd)
		return nil, setAside, dir.ErrWiped
	}
	return f, setAside, err
}

// continueShared opens the file that the id's last holder left.
func continueShared(d dir.Dir, name string) (f *sharedFile, err error) {
	fd, err := d.OpenFile(name, unix.O_RDWR)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open metric file %s: %w", d.Join(name), err)
			f = nil
			_ = unix.Close(fd)
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	switch {
	case !osfile.IsRegular(&st):
		return nil, errors.New("not a regular file")
	case int(st.Uid) != os.Geteuid():
		return nil, fmt.Errorf("belongs to user %d", st.Uid)
	case st.Nlink != 1:
		return nil, fmt.Errorf("has %d links", st.Nlink)
	case st.Size < format.HeaderSize || st.Size > format.MaxSize:
		return nil, &format.DamageError{Offset: 0, Problem: fmt.Sprintf("size %d", st.Size)}
	}
	// Read, not mapped: a file that is truncated meanwhile must not kill the process.
	header := make(format.Image, format.HeaderSize)
	if err := dir.ReadStart(fd, header); err != nil {
		return nil, err
	}
	used := header.Used()
	if used < format.HeaderSize || int64(used) > st.Size {
		return nil, &format.DamageError{Offset: 0, Problem: fmt.Sprintf("used is %d in a file of %d bytes", used, st.Size)}
	}
	content := make(format.Image, used)
	if err := dir.ReadStart(fd, content); err != nil {
		return nil, err
	}
	f = &sharedFile{fd: fd, used: used, entries: map[string]located{}}
	for w := format.NewWalk(content, format.HeaderSize, used, format.Layout16); ; {
		encoded, value, err := w.Next()
		if errors.Is(err, format.ErrEnd) {
			break
		}
		if err != nil {
			return nil, err
		}
		f.entries[format.KeyOf(string(encoded))] = located{value: value}
	}
	f.size = format.InitialSize
	for int64(f.size) < st.Size {
		f.size *= 2
	}
	if int64(f.size) != st.Size {
		if err := dir.Truncate(fd, int64(f.size)); err != nil {
			return nil, err
		}
	}
	if err := f.write(nil); err != nil {
		return nil, err
	}
	return f, f.mapFrom(0)
}

func tempName(name string) string { return dir.Own + "/" + name + ".new" }

// createShared makes a file that appears under its name with header and room, all at once: a file of 0 bytes would break
// prometheus_client's scrape. A damaged file in its place is moved away last: until then, on a full disk for example,
// readers count what they can of it.
func createShared(lease dir.Lease, name string, replace bool) (f *sharedFile, err error) {
	temp := tempName(name)
	fd, err := lease.Dir.OpenFile(temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = dir.ErrWiped
		}
		return nil, err
	}
	f = &sharedFile{fd: fd, size: format.InitialSize, entries: map[string]located{}}
	defer func(made *sharedFile) {
		if err != nil {
			err = fmt.Errorf("make metric file %s: %w", lease.Dir.Join(name), err)
			for _, m := range made.mappings {
				dir.Unmap(m.image) // no cell of it is in use yet
			}
			_ = unix.Close(fd)
			_ = lease.Dir.Unlink(temp)
		}
	}(f)
	if err := f.write(format.AppendHeader(nil)); err != nil {
		return nil, err
	}
	f.used = format.HeaderSize
	if err := dir.Truncate(fd, format.InitialSize); err != nil {
		return nil, err
	}
	if err := f.mapFrom(0); err != nil {
		return nil, err
	}
	if !lease.Valid() {
		return nil, dir.ErrWiped
	}
	if replace {
		if err := lease.Dir.Rename(name, dir.Own+"/"+name+".damaged"); err != nil {
			return nil, err
		}
	}
	if err := lease.Dir.RenameNew(temp, name); err != nil {
		return nil, err
	}
	return f, nil
}

// write writes b after the used bytes, and zeros after it up to the end of the page, so that the space of all values is
// allocated before they are touched through a mapping: a store that finds no space kills the process.
func (f *sharedFile) write(b []byte) error {
	end := f.used + len(b)
	if end > f.backed {
		page := os.Getpagesize()
		backed := (end + page - 1) / page * page
		b = append(b, make([]byte, backed-end)...)
	}
	if err := dir.WriteAt(f.fd, b, int64(f.used)); err != nil {
		return err
	}
	f.backed = max(f.backed, f.used+len(b))
	return nil
}

// mapFrom maps the file from an offset. It begins a page early, so that no cell spans two mappings.
func (f *sharedFile) mapFrom(off int) error {
	from := max(0, off-os.Getpagesize())
	m, err := dir.Map(f.fd, int64(from), f.size-from, true)
	if err != nil {
		return err
	}
	f.mappings = append(f.mappings, mapping{from, m})
	return nil
}

// place finds or makes the entries of keys, all or none, so that readers see a histogram as a whole.
func (f *sharedFile) place(keys []string, maxSeries int) ([]*format.Cell, error) {
	values := make([]int, len(keys))
	f.buf = f.buf[:0]
	var missing []int
	for i, k := range keys {
		if at, ok := f.entries[k]; ok {
			values[i] = at.value
			continue
		}
		missing = append(missing, i)
		f.buf = format.AppendEntry(f.buf, k)
		values[i] = f.used + len(f.buf) - int(format.Layout16)
	}
	if len(missing) > 0 {
		if len(f.entries)+len(missing) > maxSeries {
			return nil, errFull
		}
		if err := f.grow(f.used + len(f.buf)); err != nil {
			return nil, err
		}
		if err := f.write(f.buf); err != nil {
			return nil, err
		}
		f.used += len(f.buf)
		f.mappings[0].image.Publish(f.used)
	}
	for _, i := range missing {
		f.entries[keys[i]] = located{values[i], true}
	}
	cells := make([]*format.Cell, len(keys))
	for i, value := range values {
		cells[i] = f.cell(value)
	}
	return cells, nil
}

func (f *sharedFile) grow(need int) error {
	if need > format.MaxSize {
		return errFull
	}
	size := f.size
	for size < need {
		size *= 2
	}
	if size == f.size {
		return nil
	}
	if err := dir.Truncate(f.fd, int64(size)); err != nil {
		return err
	}
	old := f.size
	f.size = size
	if err := f.mapFrom(old); err != nil {
		f.size = old
		return err
	}
	return nil
}

func (f *sharedFile) cell(off int) *format.Cell {
	i := len(f.mappings) - 1
	for f.mappings[i].from > off {
		i--
	}
	return f.mappings[i].image.Cell(off - f.mappings[i].from)
}
