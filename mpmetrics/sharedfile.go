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
	"multiproc/mpmetrics/internal/mapped"
)

// Errors after which a series stays in memory for good, besides dir.ErrWiped.
var (
	errFull   = errors.New("the file has the maximum number of series")
	errClosed = errors.New("the writer is closed")
)

// errNotRegular is returned if something other than a regular file has the name of a metric file.
var errNotRegular = errors.New("not a regular file")

// sharedFile is a metric file that this process writes. It is not safe for concurrent use. The cells that it returns stay
// valid until the process ends, whatever becomes of the file, and need no lock. If the file is truncated, removed or replaced
// they are in memory until recreate succeeds.
//
// The space of the values on the disk is allocated first, so that a full disk is an error rather than a fault. Copy-on-write
// file systems (btrfs, ZFS) may still find none.
type sharedFile struct {
	memory  *mapped.File
	name    string
	used    int
	last    int                // offset of the last value; 0 if there is none
	backed  int                // bytes whose space is allocated, whole pages
	entries map[string]located // by key
	lost    bool               // it is not in the directory, and could not be recreated
	buf     []byte
}

// located is the place of an entry.
type located struct {
	value int  // offset of the value
	mine  bool // made by this process, not by the id's last holder
}

// openShared opens or makes the file of a kind. A file that cannot be continued, because it is damaged or of the 8-byte
// layout or not a regular file, is moved into the library's own subdirectory, where no reader sees it, and setAside is
// the reason. A new file begins at 0, which Prometheus treats as a restart of the process.
func openShared(lease *dir.Lease, k format.Kind) (f *sharedFile, setAside error, err error) {
	// After a wipe the name may be that of a file which another process has made under the same id. A wipe removes the lock
	// files first, so if ours is there before and after, the right file was opened.
	if err := lease.Check(); err != nil {
		return nil, nil, err
	}
	f = &sharedFile{name: format.FileName{Kind: k, ID: lease.ID}.String(), entries: map[string]located{}}
	// If the id's last holder died in create, its file may have two names.
	if err := lease.Dir.Unlink(f.tempName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	err = f.open(lease.Dir)
	if cannotContinue(err) && lease.Check() == nil {
		setAside, err = err, fs.ErrNotExist
	}
	if errors.Is(err, fs.ErrNotExist) {
		f.used, f.last = format.HeaderSize, 0
		clear(f.entries)
		err = f.create(lease, func(fd int) (err error) {
			if err = f.writeTo(fd, format.AppendHeader(nil), 0); err != nil {
				return err
			}
			if err = dir.Truncate(fd, format.InitialSize); err != nil {
				return err
			}
			f.memory, err = mapped.New(fd, format.InitialSize, f.restore)
			return err
		})
		if err != nil && f.memory != nil {
			f.memory.Discard() // no cell of it is in use yet
		}
	}
	if err == nil {
		if err = lease.Check(); err != nil {
			f.memory.Discard()
		}
	}
	if err != nil {
		return nil, setAside, err
	}
	return f, setAside, nil
}

// cannotContinue reports whether opening the file failed because it is damaged, or because something else is in its place.
func cannotContinue(err error) bool {
	_, damaged := errors.AsType[*format.DamageError](err)
	return damaged || errors.Is(err, errNotRegular) || errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EISDIR) || errors.Is(err, unix.ENXIO)
}

// open opens the file that the id's last holder left.
func (f *sharedFile) open(d dir.Dir) (err error) {
	fd, err := d.OpenFile(f.name, unix.O_RDWR)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("open metric file %s: %w", d.Join(f.name), err)
			_ = unix.Close(fd)
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	switch {
	case !osfile.IsRegular(&st):
		return errNotRegular
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("belongs to user %d", st.Uid)
	case st.Nlink != 1:
		return fmt.Errorf("has %d links", st.Nlink)
	case st.Size < format.HeaderSize || st.Size > format.MaxSize:
		return &format.DamageError{Offset: 0, Problem: fmt.Sprintf("size %d", st.Size)}
	}
	// Read, not mapped: a file that is truncated meanwhile must not kill the process.
	header := make(format.Image, format.HeaderSize)
	if err := dir.ReadStart(fd, header); err != nil {
		return err
	}
	f.used = header.Used()
	if f.used < format.HeaderSize || int64(f.used) > st.Size {
		return &format.DamageError{Offset: 0, Problem: fmt.Sprintf("used is %d in a file of %d bytes", f.used, st.Size)}
	}
	content := make(format.Image, f.used)
	if err := dir.ReadStart(fd, content); err != nil {
		return err
	}
	for w := format.NewWalk(content, format.HeaderSize, f.used, format.Layout16); ; {
		encoded, value, err := w.Next()
		if errors.Is(err, format.ErrEnd) {
			break
		}
		if err != nil {
			return err
		}
		f.entries[format.KeyOf(string(encoded))] = located{value: value}
		f.last = value
	}
	size := format.InitialSize
	for int64(size) < st.Size {
		size *= 2
	}
	if int64(size) != st.Size {
		if err := dir.Truncate(fd, int64(size)); err != nil {
			return err
		}
	}
	if err := f.writeTo(fd, nil, f.used); err != nil {
		return err
	}
	f.memory, err = mapped.New(fd, size, f.restore)
	return err
}

func (f *sharedFile) tempName() string { return dir.Own + "/" + f.name + ".new" }

// create makes a file, which fill fills, that appears under its name all at once: a file of 0 bytes would break
// prometheus_client's scrape. What is in its place is moved away last: until then, on a full disk for example, readers count
// what they can of it. fill owns the descriptor if it succeeds.
func (f *sharedFile) create(lease *dir.Lease, fill func(fd int) error) (err error) {
	temp := f.tempName()
	fd, err := lease.Dir.OpenFile(temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL)
	if errors.Is(err, fs.ErrNotExist) {
		return dir.ErrLost
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("make metric file %s: %w", lease.Dir.Join(f.name), err)
			_ = lease.Dir.Unlink(temp)
		}
	}()
	if err := fill(fd); err != nil {
		_ = unix.Close(fd)
		return err
	}
	if err := lease.Check(); err != nil {
		return err
	}
	if err := lease.Dir.SetAside(f.name); err != nil {
		return err
	}
	return lease.Dir.RenameNew(temp, f.name)
}

// writeTo writes b at an offset, and zeros after it up to the end of the page, so that the space of all values is allocated
// before they are touched through a mapping: a store that finds no space is a fault.
func (f *sharedFile) writeTo(fd int, b []byte, at int) error {
	end := at + len(b)
	if end > f.backed {
		page := os.Getpagesize()
		backed := (end + page - 1) / page * page
		b = append(b, make([]byte, backed-end)...)
	}
	if err := dir.WriteAt(fd, b, int64(at)); err != nil {
		return err
	}
	f.backed = max(f.backed, at+len(b))
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
		if err := f.writeTo(f.memory.FD(), f.buf, f.used); err != nil {
			return nil, err
		}
		f.used += len(f.buf)
		for _, i := range missing {
			f.entries[keys[i]] = located{values[i], true}
			f.last = values[i]
		}
		f.memory.Do(func() { f.memory.Image().Publish(f.used) })
	}
	cells := make([]*format.Cell, len(keys))
	for i, value := range values {
		cells[i] = f.memory.Cell(value)
	}
	return cells, nil
}

func (f *sharedFile) grow(need int) error {
	if need > format.MaxSize {
		return errFull
	}
	size := f.memory.Size()
	for size < need {
		size *= 2
	}
	if size == f.memory.Size() {
		return nil
	}
	return f.memory.Grow(size)
}

// restore repairs the content of the file. Values are kept unless their keys were overwritten: where only zeros are left of a
// key, the value is the sum of the updates since.
func (f *sharedFile) restore(content []byte) (used int) {
	for key, at := range f.entries {
		f.buf = format.AppendEntry(f.buf[:0], key)
		encoded := f.buf[:len(f.buf)-int(format.Layout16)]
		found := content[at.value-len(encoded) : at.value]
		if !isRestOf(found, encoded) {
			clear(content[at.value : at.value+int(format.Layout16)])
		}
		copy(found, encoded)
	}
	copy(content, format.AppendHeader(nil))
	format.Image(content).Publish(f.used)
	f.backed = 0 // in the new file, of which only the content is known
	return f.used
}

// isRestOf reports whether truncation can have turned whole into b.
func isRestOf(b, whole []byte) bool {
	for i := range b {
		if b[i] != whole[i] && b[i] != 0 {
			return false
		}
	}
	return true
}

// damage returns a description of the damage to the file in the directory, or "" if it is intact.
func (f *sharedFile) damage(d dir.Dir) string {
	if f.memory.InMemory() {
		return "truncated or without space"
	}
	id, size, err := f.memory.Identify()
	if err != nil {
		return err.Error()
	}
	found, err := d.Stat(f.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "removed"
	case err != nil:
		return err.Error()
	case osfile.IDFromStat(&found) != id:
		return "replaced"
	case size < int64(f.memory.Size()):
		return fmt.Sprintf("truncated to %d bytes", size)
	}
	whole := false
	f.memory.Do(func() {
		// Truncation clears all bytes from some offset on: the space before the last value, too.
		whole = f.memory.Image().Used() == f.used && (f.last == 0 || f.memory.At(f.last-1) == ' ')
	})
	if !whole {
		return "overwritten"
	}
	return ""
}

// recreate makes the file again, with its values. On failure they stay where they are.
func (f *sharedFile) recreate(lease *dir.Lease) error {
	if err := lease.Dir.Unlink(f.tempName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.create(lease, f.memory.MoveTo)
}
