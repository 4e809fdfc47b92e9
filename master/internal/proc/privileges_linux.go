package proc

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Privileges are what a process may do: a user, a group, and further groups.
type Privileges struct {
	UID, GID int   // real, effective and saved
	Groups   []int // supplementary ones
}

// Drop gives up what privileges the process has for these, in all its threads, and makes sure that it cannot have them
// back. After an error it may have given up some of them, and must not go on.
//
// A process that is this user and group already has nothing to give up, and keeps its further groups.
//
// The kernel does not let others of the new user look into the process from then on: their memory and descriptors are
// their own, but this one has read what only root can read. So it is left (no PR_SET_DUMPABLE). It may still look into
// itself through /proc, and what it starts is a process like any other of the user.
func Drop(p Privileges) error {
	fail := func(err error) error {
		return fmt.Errorf("drop privileges to user %d, group %d: %w", p.UID, p.GID, err)
	}
	if p.UID < 0 || p.GID < 0 {
		return fail(errors.New("negative")) // which the kernel takes for: leave it as it is
	}
	if os.Geteuid() != 0 && is(p) {
		return nil
	}
	// In this order: the user is what allows the others.
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

// verify makes sure of what the system calls have said. A process that was not root but had the capability to change its
// user keeps that capability, for one.
func verify(p Privileges) error {
	if !is(p) {
		return errors.New("the kernel has left some of what there was")
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
		return errors.New("they can be had back")
	}
	return nil
}

// is reports whether the process is this user and group, and can become no other one that it was before.
func is(p Privileges) bool {
	ruid, euid, suid := unix.Getresuid()
	rgid, egid, sgid := unix.Getresgid()
	return [...]int{ruid, euid, suid, rgid, egid, sgid} == [...]int{p.UID, p.UID, p.UID, p.GID, p.GID, p.GID}
}

func distinct(groups []int) []int {
	return slices.Compact(slices.Sorted(slices.Values(groups)))
}
