package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Privileges are the user and the groups of a process.
type Privileges struct {
	UID, GID int   // real, effective and saved
	Groups   []int // supplementary ones
}

// Drop exchanges the privileges of the process, in all its threads, for these, and checks that it cannot regain them. After an
// error it may have lost some of them, and must not go on.
//
// A process that has this user and group already keeps its supplementary groups.
//
// From then on the kernel does not let other processes of the new user inspect this one, which has read files that only root can
// read; this is intended (no PR_SET_DUMPABLE). It can still inspect itself through /proc, and the processes that it starts are
// like any other of the user.
func Drop(p Privileges) error {
	fail := func(err error) error {
		return fmt.Errorf("drop privileges to user %d, group %d: %w", p.UID, p.GID, err)
	}
	if p.UID < 0 || p.GID < 0 {
		return fail(errors.New("negative")) // the kernel would leave it unchanged
	}
	if os.Geteuid() != 0 && is(p) {
		return nil
	}
	// The user comes last: it permits the others.
	if err := syscall.Setgroups(p.Groups); err != nil {
		return fail(os.NewSyscallError("setgroups", err))
	}
	if err := syscall.Setgid(p.GID); err != nil {
		return fail(os.NewSyscallError("setgid", err))
	}
	if err := syscall.Setuid(p.UID); err != nil {
		return fail(os.NewSyscallError("setuid", err))
	}
	if err := verify(p); err != nil {
		return fail(err)
	}
	return nil
}

// verify checks the result. A process that was not root but had the capability to change its user, for one, keeps that
// capability.
func verify(p Privileges) error {
	if !is(p) {
		return errors.New("the kernel has kept some of the old ones")
	}
	groups, err := syscall.Getgroups()
	if err != nil {
		return os.NewSyscallError("getgroups", err)
	}
	if !slices.Equal(distinct(groups), distinct(p.Groups)) {
		return fmt.Errorf("the process has the groups %v instead of %v", groups, p.Groups)
	}
	if p.UID == 0 {
		return nil
	}
	if syscall.Setuid(0) == nil || p.GID != 0 && syscall.Setgid(0) == nil {
		return errors.New("they can be regained")
	}
	return nil
}

// is reports whether the real, effective and saved ids of the process are these.
func is(p Privileges) bool {
	ruid, euid, suid := unix.Getresuid()
	rgid, egid, sgid := unix.Getresgid()
	return [...]int{ruid, euid, suid, rgid, egid, sgid} == [...]int{p.UID, p.UID, p.UID, p.GID, p.GID, p.GID}
}

func distinct(groups []int) []int {
	return slices.Compact(slices.Sorted(slices.Values(groups)))
}
