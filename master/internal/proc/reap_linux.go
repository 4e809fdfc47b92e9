package proc

import (
	"encoding/binary"
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ExitedChild returns the pid of a child that has exited and has not been reaped, if there is one.
func ExitedChild() (pid int, ok bool) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || info.Signo == 0 {
			return 0, false // no children, or all are running
		}
		return pidOf(&info), true
	}
}

// pidOf returns si_pid, the first field after the common ones, aligned as a pointer.
func pidOf(info *unix.Siginfo) int {
	const common = 3 * 4 // si_signo, si_errno, si_code
	const offset = (common + unsafe.Sizeof(uintptr(0)) - 1) / unsafe.Sizeof(uintptr(0)) * unsafe.Sizeof(uintptr(0))
	raw := (*[unsafe.Sizeof(*info)]byte)(unsafe.Pointer(info))
	return int(binary.NativeEndian.Uint32(raw[offset:]))
}

// Reap reaps a child that has exited and returns how it ended.
func Reap(pid int) (syscall.WaitStatus, error) {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}
