package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
)

func TestSealedFile(t *testing.T) {
	for _, data := range [][]byte{nil, []byte("settings"), bytes.Repeat([]byte("x"), 1<<20)} {
		file, err := SealedFile("multiproc-test", data)
		check(t, err)
		defer file.Close()
		got, err := io.ReadAll(io.NewSectionReader(file, 0, int64(len(data))+1))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("read %d bytes, want %d (%v)", len(got), len(data), err)
		}
		if flags, err := unix.FcntlInt(osfile.FD(file), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("the descriptor is kept on exec: flags %#x (%v)", flags, err)
		}
		// Also through a second open file with its own offset and access mode.
		again, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", osfile.FD(file)), os.O_RDWR, 0)
		check(t, err)
		defer again.Close()
		for _, f := range []*os.File{file, again} {
			if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, unix.EPERM) {
				t.Errorf("write: %v", err)
			}
			if err := f.Truncate(int64(len(data)) + 1); !errors.Is(err, unix.EPERM) {
				t.Errorf("grow: %v", err)
			}
			if err := f.Truncate(0); len(data) > 0 && !errors.Is(err, unix.EPERM) {
				t.Errorf("shrink: %v", err)
			}
			if _, err := unix.FcntlInt(osfile.FD(f), unix.F_ADD_SEALS, unix.F_SEAL_FUTURE_WRITE); !errors.Is(err, unix.EPERM) {
				t.Errorf("seal: %v", err)
			}
		}
	}
}
