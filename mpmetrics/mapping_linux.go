package mpmetrics

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// mapFile maps n bytes of a file from off, a multiple of the page size, shared with every other process.
func mapFile(fd int, off int64, n int, writable bool) (format.Image, error) {
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	b, err := unix.Mmap(fd, off, n, prot, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, nil
}

// unmap ends a mapping as a whole.
func unmap(m format.Image) error {
	return os.NewSyscallError("munmap", unix.Munmap(m))
}

func truncate(fd int, size int64) error {
	return os.NewSyscallError("ftruncate", again(func() error { return unix.Ftruncate(fd, size) }))
}

// writeAt writes all of b or fails. Unlike a store into a mapping it allocates what it writes to, and says so
// when it cannot.
func writeAt(fd int, b []byte, off int64) error {
	for len(b) > 0 {
		n, err := unix.Pwrite(fd, b, off)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("pwrite", err)
		case n == 0:
			return io.ErrShortWrite
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}

// readStart fills b from the beginning of a file, or fails.
func readStart(fd int, b []byte) error {
	for off := int64(0); len(b) > 0; {
		n, err := unix.Pread(fd, b, off)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return os.NewSyscallError("pread", err)
		case n == 0:
			return io.ErrUnexpectedEOF
		}
		b, off = b[n:], off+int64(n)
	}
	return nil
}
