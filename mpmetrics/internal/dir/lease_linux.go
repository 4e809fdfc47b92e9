package dir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/format"
)

// Errors of leases.
var (
	// ErrHeld is returned if another live process holds a directory, or an id in it.
	ErrHeld = errors.New("held by another process")
	// ErrWiped is returned if the lease is void because the directory was wiped.
	ErrWiped = errors.New("the metrics directory was wiped by another process")
	// ErrLost is returned if the lease is void because the lock file is not in the directory any more, or the directory not at
	// its path. The id can be taken again.
	ErrLost = errors.New("the metrics directory or the lock file in it was removed or replaced")
)

// A process that writes metrics under an id holds a lock on the first byte of .mpm/<id>.lock until it exits. Any process can
// test whether it is held, and the test takes no lock.
//
// The second byte is locked while an id is being taken or swept, so that a sweeper cannot remove files that a process which
// takes the id at that moment has just made.
const (
	lifeByte  = 0
	sweepByte = 1
)

const lockSuffix = ".lock"

func lockName(id string) string { return Own + "/" + id + lockSuffix }

// wiped is the content of a lock file that a wipe has removed. Its holder still has it open.
const wiped = "wiped\n"

// Lease is the exclusive right to write metrics under an id. It ends with the process at the latest.
type Lease struct {
	Dir Dir
	ID  string

	lock int    // descriptor of .mpm/<id>.lock
	line []byte // its content
}

// Holder describes the process that holds, or has held, an id. It is the content of the lock file, as one line of JSON.
type Holder struct {
	PID        int       `json:"pid"`
	Slot       int       `json:"slot"`
	Generation int       `json:"generation"`
	Start      time.Time `json:"start"`
	Program    string    `json:"program"`
	// PIDNamespace is the inode of the PID's namespace, 0 if it is not known.
	PIDNamespace uint64 `json:"pid_namespace"`
}

// takeTries bounds how often to start over because the directory is being wiped. One that was removed looks the same.
const takeTries = 100

// sweepPatience bounds how long to wait for a sweeper, which needs only a moment.
const sweepPatience = 5 * time.Second

// Take takes an id for this process, whose PID and namespace it adds to holder. It fails with ErrHeld if a live process has the
// id. Live gauges of the id's last holder are removed: they would count again.
func (d Dir) Take(id string, holder Holder) (*Lease, error) {
	if !format.ValidID(id) {
		return nil, fmt.Errorf("take metrics id %q: want letters, digits, dots and dashes", id)
	}
	holder.PID, holder.PIDNamespace = os.Getpid(), pidNamespace()
	fail := func(err error) (*Lease, error) {
		return nil, fmt.Errorf("take metrics id %s in %s: %w", id, d.path, err)
	}
	line, err := json.Marshal(holder)
	if err != nil {
		return fail(err)
	}
	for range takeTries {
		if err = d.makeOwn(); errors.Is(err, fs.ErrNotExist) {
			continue // wiped in between
		} else if err != nil {
			return fail(err)
		}
		if err = d.clearLock(id); err != nil {
			return fail(err)
		}
		var fd int
		fd, err = d.OpenFile(lockName(id), unix.O_RDWR|unix.O_CREAT)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return fail(err)
		}
		l := &Lease{d, id, fd, append(line, '\n')}
		var taken bool
		taken, err = l.take()
		if taken && err == nil {
			return l, nil
		}
		if err := errors.Join(err, unix.Close(fd)); err != nil {
			return fail(err)
		}
		err = ErrLost // others see another file
	}
	return fail(err)
}

// clearLock moves aside anything in the place of an id's lock file that is not a regular file with one link. It may be a second
// name of some other file, whose content would be lost.
func (d Dir) clearLock(id string) error {
	st, err := d.Stat(lockName(id))
	if errors.Is(err, fs.ErrNotExist) || err == nil && osfile.IsRegular(&st) && st.Nlink == 1 {
		return nil
	}
	if err != nil {
		return err
	}
	return d.SetAside(lockName(id))
}

// take reports false if the file is not, or no longer, the one at the path.
func (l *Lease) take() (taken bool, err error) {
	if err := waitLock(l.lock, sweepByte, sweepPatience); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, osfile.Unlock(l.lock, sweepByte)) }()
	if l.Check() != nil {
		return false, nil
	}
	if err := l.checkOwner(); err != nil {
		return false, err
	}
	if held, err := osfile.IsLocked(l.lock, lifeByte); err != nil {
		return false, err
	} else if held {
		return false, ErrHeld
	}
	// Before the lock is taken, with which they would count again.
	if err := l.RemoveLive(); err != nil {
		return false, err
	}
	if free, err := osfile.TryLock(l.lock, lifeByte, osfile.Exclusive); err != nil {
		return false, err
	} else if !free {
		return false, ErrHeld
	}
	return true, l.describe()
}

// describe writes the content of the lock file. On a full disk it is missing, but the lock holds.
func (l *Lease) describe() error {
	if err := Truncate(l.lock, int64(len(l.line))); err != nil {
		return err
	}
	if err := WriteAt(l.lock, l.line, 0); err != nil && !errors.Is(err, unix.ENOSPC) {
		return err
	}
	return nil
}

// waitLock locks a byte as soon as it is free. It polls, since a blocking call cannot be cancelled, and a stopped process
// keeps its locks.
func waitLock(fd int, at int64, patience time.Duration) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		free, err := osfile.TryLock(fd, at, osfile.Exclusive)
		if err != nil || free {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("another process has held its lock for %v", patience)
		}
	}
}

// checkOwner checks that the lock file is not a second name of some other file, whose content would be lost.
func (l *Lease) checkOwner() error {
	var st unix.Stat_t
	if err := unix.Fstat(l.lock, &st); err != nil {
		return err
	}
	if !osfile.IsRegular(&st) || int(st.Uid) != os.Geteuid() || st.Nlink != 1 {
		return fmt.Errorf("%s is not a file of this user with one name", l.Dir.Join(lockName(l.ID)))
	}
	return nil
}

// Check returns ErrWiped or ErrLost if the lock file is not the one that others find at its path.
func (l *Lease) Check() error {
	held, err := osfile.IdentifyFD(l.lock)
	if err != nil {
		return err
	}
	if found, err := l.Dir.Stat(lockName(l.ID)); err == nil && osfile.IDFromStat(&found) == held {
		return nil
	}
	content := make([]byte, len(wiped))
	if ReadStart(l.lock, content) == nil && string(content) == wiped {
		return ErrWiped
	}
	return ErrLost
}

// Keep calls Check and also checks that the directory is still the one at its path. It rewrites the lock file's content if that
// was truncated.
func (l *Lease) Keep() error {
	if err := l.Check(); err != nil {
		return err
	}
	if !l.Dir.IsAtPath() {
		return ErrLost
	}
	var st unix.Stat_t
	if err := unix.Fstat(l.lock, &st); err != nil {
		return err
	}
	if st.Size != int64(len(l.line)) {
		return l.describe()
	}
	return nil
}

// markWiped marks a lock file before it is removed, so that its holder can see the reason.
func (d Dir) markWiped(name string) {
	fd, err := d.OpenFile(name, unix.O_RDWR)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	l := Lease{Dir: d, lock: fd}
	if held, err := osfile.IsLocked(fd, lifeByte); err == nil && held && l.checkOwner() == nil {
		_ = WriteAt(fd, []byte(wiped), 0)
	}
}

// Release ends the lease.
func (l *Lease) Release() error { return os.NewSyscallError("close", unix.Close(l.lock)) }

// RemoveLive removes the id's files that count only while its process is alive.
func (l *Lease) RemoveLive() error {
	var errs []error
	for mode := range format.Mode(format.Modes) {
		n := format.FileName{Kind: format.Kind{Type: format.Gauge, Mode: mode}, ID: l.ID}
		if !n.Live() {
			continue
		}
		err := l.Dir.Unlink(n.String())
		if errors.Is(err, unix.EISDIR) {
			err = l.Dir.SetAside(n.String())
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// LockedIDs returns the ids that have a lock file, in no order. It returns none if they cannot be listed.
func (d Dir) LockedIDs() []string {
	own, err := d.openOwn()
	if err != nil {
		return nil
	}
	defer own.Close()
	names, _ := own.names(func(name string) bool {
		id, ok := strings.CutSuffix(name, lockSuffix)
		return ok && format.ValidID(id)
	})
	for i, name := range names {
		names[i] = strings.TrimSuffix(name, lockSuffix)
	}
	return names
}

// IsHeld reports whether a process holds an id. The error is fs.ErrNotExist if the id has no lock file: then it is another
// library's.
func (d Dir) IsHeld(id string) (bool, error) {
	fd, err := d.OpenFile(lockName(id), unix.O_RDONLY)
	if err != nil {
		return false, err
	}
	defer unix.Close(fd)
	return osfile.IsLocked(fd, lifeByte)
}

// ReadLock returns the last holder of an id and whether it still holds it. The PID is 0 if it belongs to another pid
// namespace, where it means another process. A lock file without content, as on a full disk, is a lock all the same.
func (d Dir) ReadLock(id string) (holder Holder, held bool, err error) {
	fd, err := d.OpenFile(lockName(id), unix.O_RDONLY)
	if err != nil {
		return Holder{}, false, err
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return Holder{}, false, err
	}
	if !osfile.IsRegular(&st) {
		return Holder{}, false, errors.New("is not a regular file")
	}
	const longest = 16 << 10
	line := make([]byte, min(st.Size, longest))
	if ReadStart(fd, line) != nil || json.Unmarshal(line, &holder) != nil {
		holder = Holder{}
	}
	if holder.PIDNamespace != 0 && holder.PIDNamespace != pidNamespace() {
		holder.PID = 0
	}
	held, err = osfile.IsLocked(fd, lifeByte)
	return holder, held, err
}

// pidNamespace returns the inode of this process's pid namespace, or 0 if it cannot be known.
func pidNamespace() uint64 {
	id, err := osfile.Identify("/proc/self/ns/pid")
	if err != nil {
		return 0
	}
	return id.Inode
}
