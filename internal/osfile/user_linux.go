package osfile

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// User is the user that a process of root continues as once it has dropped its privileges.
type User struct {
	UID, GID int
	Groups   []int // supplementary
}

// Do calls do on this goroutine with the user's rights to files, which the kernel keeps per thread: new files belong to the user,
// and operations that the user may not do fail. If u is nil or root, or the process is not root (any more), it just calls do.
func (u *User) Do(do func() error) (err error) {
	if u == nil || u.UID == 0 || os.Geteuid() != 0 {
		return do()
	}
	runtime.LockOSThread()
	groups, err := unix.Getgroups()
	if err != nil {
		runtime.UnlockOSThread()
		return os.NewSyscallError("getgroups", err)
	}
	gid := os.Getegid()
	defer func() {
		failed := setThread(0, gid, groups)
		if failed == nil {
			runtime.UnlockOSThread()
		} // otherwise the thread ends with the goroutine
		err = errors.Join(err, failed)
	}()
	if err := setThread(u.UID, u.GID, u.Groups); err != nil {
		return err
	}
	return do()
}

// setThread sets the ids that the kernel checks when this thread accesses files. Root is the first id to
// be gained and the last to be given up: it permits the other changes.
func setThread(uid, gid int, groups []int) error {
	if uid == 0 {
		_ = unix.Setfsuid(uid) // it reports no errors: see below
	}
	if err := unix.Setgroups(groups); err != nil {
		return os.NewSyscallError("setgroups", err)
	}
	_ = unix.Setfsgid(gid)
	_ = unix.Setfsuid(uid)
	// An invalid id changes nothing, and the result is the current one.
	nowUID, _ := unix.SetfsuidRetUid(-1)
	nowGID, _ := unix.SetfsgidRetGid(-1)
	if nowUID != uid || nowGID != gid {
		return fmt.Errorf("files cannot be accessed as user %d, group %d: %w", uid, gid, unix.EPERM)
	}
	return nil
}
