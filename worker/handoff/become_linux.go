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

// ErrMasterGone is the error of a worker whose master exited before the worker had started.
var ErrMasterGone = errors.New("the master is gone")

// AdoptEnviron makes the variables about sockets and the watchdog valid for this process only: it sets LISTEN_PID and WATCHDOG_PID to
// its pid, which its parent could not know. A program that replaces this one by exec keeps the pid.
func AdoptEnviron() error {
	pid := strconv.Itoa(os.Getpid())
	if err := os.Setenv(listenPID, pid); err != nil {
		return err
	}
	if os.Getenv(watchdogMicro) == "" {
		return nil
	}
	return os.Setenv(watchdogPID, pid)
}

// Become replaces this process by another program, which is the worker from then on: it keeps the pid and, of the descriptors,
// only the sockets. Become returns only with an error.
//
// The program does not read the lifeline, so the kernel sends it TERM when its master exits. This depends on the thread that
// started the process, which a Master keeps for as long as it runs. The lifeline, which the master passes without a name after
// the sockets, shows whether the master exited before the kernel was asked.
func Become(path string, args []string) error {
	fail := func(err error) error { return fmt.Errorf("start %s: %w", path, err) }
	// The request below is for this thread only, and exec keeps that of the thread that calls it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := AdoptEnviron(); err != nil {
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
