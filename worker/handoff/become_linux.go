package handoff

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrMasterGone is returned to a worker that has outlived its master before it began.
var ErrMasterGone = errors.New("the master is gone")

// Become replaces this process by another program, in its place as a worker: same pid, same sockets, and of the
// descriptors only these. It returns only with an error.
//
// The program knows nothing of a lifeline, so the kernel is asked to end it by TERM together with its master. That is
// tied to the thread that started this process, which a Master keeps for its life. The lifeline, which the master passes
// on unnamed after the sockets, tells whether it was too late to ask.
func Become(path string, args []string) error {
	fail := func(err error) error { return fmt.Errorf("start %s: %w", path, err) }
	// What is asked of the kernel below holds for this thread alone, and exec keeps that of the thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := Address(); err != nil {
		return fail(err)
	}
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGTERM), 0, 0, 0); err != nil {
		return fail(os.NewSyscallError("prctl", err))
	}
	sockets, err := strconv.Atoi(os.Getenv(listenFDs))
	if err != nil {
		return fail(fmt.Errorf("%s: %w", listenFDs, err))
	}
	lifeline := 3 + sockets
	unix.CloseOnExec(lifeline)
	if n, err := unix.Read(lifeline, make([]byte, 1)); n == 0 && err == nil {
		return fail(ErrMasterGone)
	}
	return fail(syscall.Exec(path, args, os.Environ()))
}
