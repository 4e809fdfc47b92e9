package osfile

import (
	"testing"

	"golang.org/x/sys/unix"
)

func TestCloseOnExec(t *testing.T) {
	for name, mark := range map[string]func(first int) error{"range": CloseOnExec, "list": markListed} {
		dir := t.TempDir()
		var fds []int
		for _, at := range []int{0, 200} {
			fd, err := unix.Open(dir, unix.O_RDONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			moved, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, at)
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, fd, moved)
		}
		if err := mark(3); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, fd := range fds {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
				t.Errorf("%s: descriptor %d has flags %#x, %v", name, fd, flags, err)
			}
			if err := unix.Close(fd); err != nil {
				t.Error(err)
			}
		}
		for fd := range 3 {
			if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags != 0 {
				t.Errorf("%s: descriptor %d has flags %#x, %v", name, fd, flags, err)
			}
		}
	}
}
