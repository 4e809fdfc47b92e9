// Package mapped keeps memory that is mapped from a file usable, whatever happens to the file.
package mapped

import (
	"os"
	"runtime"
	"runtime/debug"
	"unsafe"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
	"multiproc/mpmetrics/internal/format"
)

// File is an open file that this process writes, mapped as a whole. Its memory stays at the same addresses and is never
// unmapped, while the file behind it can be exchanged; see MoveTo.
//
// An access to the memory faults if the file was truncated, if there is no space for a hole in it, on an input or output error,
// and while the file is being exchanged. Every access must therefore go through Do, or set debug.SetPanicOnFault, recover the
// panic and be repeated in Do.
//
// The methods are not safe for concurrent use. The memory is: faulting accesses wait for whatever lock the caller of Do holds.
type File struct {
	fd       int // -1 once closed
	size     int
	parts    []part // in order
	inMemory bool
	restore  func(content []byte) (used int)
}

// part is a mapping from an offset of the file to its end at that time.
type part struct {
	from  int
	image format.Image
}

// New maps a file of the given size, whose descriptor it owns unless it fails. restore is called when the file is exchanged. It
// gets the content of the old one, zero where that cannot be read, repairs it, and returns the number of bytes in use.
func New(fd, size int, restore func(content []byte) (used int)) (*File, error) {
	f := &File{fd: fd, size: size, restore: restore}
	if err := f.mapFrom(0); err != nil {
		return nil, err
	}
	return f, nil
}

// mapFrom maps the file from an offset. It begins a page early, so that no cell spans two parts.
func (f *File) mapFrom(off int) error {
	from := max(0, off-os.Getpagesize())
	image, err := dir.Map(f.fd, int64(from), f.size-from, true)
	if err != nil {
		return err
	}
	f.parts = append(f.parts, part{from, image})
	return nil
}

// Close closes the file. The memory stays.
func (f *File) Close() error {
	err := unix.Close(f.fd)
	f.fd = -1
	return os.NewSyscallError("close", err)
}

// Discard unmaps and closes a file whose memory nobody uses.
func (f *File) Discard() {
	for _, p := range f.parts {
		dir.Unmap(p.image)
	}
	_ = f.Close()
}

// FD returns the descriptor of the file behind the memory.
func (f *File) FD() int { return f.fd }

// Size returns the size of the file, as this process set it.
func (f *File) Size() int { return f.size }

// InMemory reports whether the file behind the memory has no name.
func (f *File) InMemory() bool { return f.inMemory }

// Image returns the memory from the first byte of the file to its size when it was mapped.
func (f *File) Image() format.Image { return f.parts[0].image }

// Cell returns the cell at an offset, which is valid until the process ends.
func (f *File) Cell(off int) *format.Cell {
	p := f.partOf(off)
	return p.image.Cell(off - p.from)
}

// At returns the byte at an offset.
func (f *File) At(off int) byte {
	p := f.partOf(off)
	return p.image[off-p.from]
}

func (f *File) partOf(off int) part {
	i := len(f.parts) - 1
	for f.parts[i].from > off {
		i--
	}
	return f.parts[i]
}

// Grow makes the file larger.
func (f *File) Grow(size int) error {
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

// Holds reports whether a recovered value is that of a fault in this memory.
func (f *File) Holds(recovered any) bool {
	for _, p := range f.parts {
		if IsFaultIn(p.image, recovered) {
			return true
		}
	}
	return false
}

// IsFaultIn reports whether a recovered value is that of a fault in a mapping.
func IsFaultIn(mapping []byte, recovered any) bool {
	fault, ok := recovered.(interface {
		runtime.Error
		Addr() uintptr
	})
	return ok && fault.Addr()-uintptr(unsafe.Pointer(unsafe.SliceData(mapping))) < uintptr(len(mapping))
}

// maxFaults bounds how often an access is repeated. Memory without a name cannot be truncated, so one fault is usual.
const maxFaults = 10

// Do calls access, which reads or writes the memory. If that faults, Do exchanges the file for memory without a name and calls
// access again. The last thing that access does must be its only write, so that it is never done twice.
func (f *File) Do(access func()) {
	for range maxFaults {
		fault := f.try(access)
		if fault == nil {
			return
		}
		if err := f.toMemory(); err != nil {
			panic(fault)
		}
	}
	access()
}

// try returns the recovered value of the fault, if there was one.
func (f *File) try(access func()) (fault any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault = recover(); fault != nil && !f.Holds(fault) {
			panic(fault)
		}
	}()
	access()
	return nil
}

// toMemory exchanges the file for one without a name. Where that is impossible, for lack of descriptors for example, it makes
// the file as large again as it was.
func (f *File) toMemory() error {
	fd, err := unix.MemfdCreate("metrics", unix.MFD_CLOEXEC)
	if err == nil {
		if err = f.MoveTo(fd); err == nil {
			f.inMemory = true
			return nil
		}
		_ = unix.Close(fd)
	}
	if f.fd < 0 {
		return err
	}
	return dir.Truncate(f.fd, int64(f.size))
}

// MoveTo exchanges the file behind the memory for an empty one, with the content that restore makes of the old one. No update
// is lost: meanwhile the memory cannot be written, so that concurrent updates fault and wait. On success it owns the
// descriptor; otherwise nothing has changed.
func (f *File) MoveTo(fd int) error {
	if err := f.protect(unix.PROT_READ); err != nil {
		return err
	}
	if err := f.copyTo(fd); err != nil {
		return f.thaw(err)
	}
	for _, p := range f.parts {
		_, err := unix.MmapPtr(fd, int64(p.from), unsafe.Pointer(unsafe.SliceData(p.image)), uintptr(len(p.image)),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_FIXED)
		if err != nil {
			return f.thaw(os.NewSyscallError("mmap", err))
		}
	}
	if f.fd >= 0 {
		_ = unix.Close(f.fd)
	}
	f.fd, f.inMemory = fd, false
	return nil
}

func (f *File) thaw(err error) error {
	_ = f.protect(unix.PROT_READ | unix.PROT_WRITE)
	return err
}

func (f *File) protect(prot int) error {
	for _, p := range f.parts {
		if err := unix.Mprotect(p.image, prot); err != nil {
			return os.NewSyscallError("mprotect", err)
		}
	}
	return nil
}

func (f *File) copyTo(fd int) error {
	content := f.read()
	page := os.Getpagesize()
	used := (f.restore(content) + page - 1) / page * page
	if err := dir.WriteAt(fd, content[:used], 0); err != nil {
		return err
	}
	return dir.Truncate(fd, int64(f.size))
}

// read returns the content, with zeros in the place of pages that cannot be read.
func (f *File) read() []byte {
	content := make([]byte, f.size)
	page := os.Getpagesize()
	for off := 0; off < f.size; off += page {
		p := f.partOf(off)
		_ = f.try(func() { copy(content[off:off+page], p.image[off-p.from:]) })
	}
	return content
}

// Identify returns the identity of the file behind the memory, and its size as others have left it.
func (f *File) Identify() (id osfile.ID, size int64, err error) {
	var st unix.Stat_t
	err = unix.Fstat(f.fd, &st)
	return osfile.IDFromStat(&st), st.Size, os.NewSyscallError("fstat", err)
}
