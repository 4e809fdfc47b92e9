package dir

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// maxMappings is the number of mappings that this process makes at most: Linux allows it 65,530, and the Go runtime ends the
// process if there is none left for memory.
const maxMappings = 60_000

// mappings counts the mappings of this process, a resource that all readers in it share.
var mappings atomic.Int64

// Map maps n bytes of a file from off, a multiple of the page size, shared with every other process.
func Map(fd int, off int64, n int, writable bool) (format.Image, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	if mappings.Add(1) > maxMappings {
		mappings.Add(-1)
		return nil, fmt.Errorf("this process has %d files mapped already", maxMappings)
	}
	b, err := unix.Mmap(fd, off, n, prot, unix.MAP_SHARED)
	if err != nil {
		mappings.Add(-1)
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, nil
}

// Unmap ends a mapping as a whole. It cannot fail on a mapping that Map returned.
func Unmap(m format.Image) {
	_ = unix.Munmap(m)
	mappings.Add(-1)
}

// Truncate sets the size of a file.
func Truncate(fd int, size int64) error {
	return os.NewSyscallError("ftruncate", osfile.Retry(func() error { return unix.Ftruncate(fd, size) }))
}

// WriteAt writes all of b or fails. Unlike a store into a mapping it allocates the space that it writes to, and fails if
// there is none.
func WriteAt(fd int, b []byte, off int64) error {
	return transfer("pwrite", io.ErrShortWrite, b, off, func(b []byte, off int64) (int, error) { return unix.Pwrite(fd, b, off) })
}

// ReadStart fills b from the beginning of a file or fails.
func ReadStart(fd int, b []byte) error {
	return transfer("pread", io.ErrUnexpectedEOF, b, 0, func(b []byte, off int64) (int, error) { return unix.Pread(fd, b, off) })
}

// transfer repeats a call until it has transferred all of b.
func transfer(name string, short error, b []byte, off int64, call func(b []byte, off int64) (int, error)) error {
	for len(b) > 0 {
		n, err := call(b, off)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError(name, err)
		case n == 0:
			return short
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}
