package mpmetrics

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// Life says whether the process that writes a file lives.
type Life uint8

// What is known of a process.
const (
	LifeUnknown Life = iota // nothing tells, or it may not be known to this user
	Alive                   // it holds its lock, or has the file open
	Dead                    // it does not: its live gauges do not count
)

// String is one word: unknown, alive or dead.
func (l Life) String() string { return [...]string{"unknown", "alive", "dead"}[l] }

// MarshalText is String, for JSON.
func (l Life) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// lifeByLock asks whether somebody holds the lock of an id, which is open as fd. It takes nothing.
func lifeByLock(fd int) Life {
	held, err := locked(fd)
	switch {
	case err != nil:
		return LifeUnknown
	case held:
		return Alive
	}
	return Dead
}

// pidNamespace is the one of this process, by its inode; 0 where that cannot be known.
func pidNamespace() uint64 {
	var st unix.Stat_t
	if unix.Stat("/proc/self/ns/pid", &st) != nil {
		return 0
	}
	return st.Ino
}

// openedFile is a file that a process may have open.
type openedFile struct {
	name          string // without its directory
	device, inode uint64
}

func identify(name string, st unix.Stat_t) openedFile { return openedFile{name, st.Dev, st.Ino} }

// lifeByProcess asks whether a process lives that has a file open. The pid alone would not do: it may be another
// process's by now, or that of a machine from which the directory was copied.
func lifeByProcess(pid int, file openedFile) Life {
	if pid <= 0 {
		return LifeUnknown
	}
	open := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(open)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Dead
	case err != nil:
		return LifeUnknown
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return LifeUnknown
	}
	for _, name := range names {
		if file.isAt(open + "/" + name) {
			return Alive
		}
	}
	return Dead
}

// isAt reports whether a link in /proc leads to the file. Links of other names are not followed: there may be thousands, and
// some may lead to a disk that does not answer.
func (f openedFile) isAt(link string) bool {
	target, err := os.Readlink(link)
	if err != nil || filepath.Base(target) != f.name {
		return false
	}
	var st unix.Stat_t
	return unix.Stat(link, &st) == nil && identify(f.name, st) == f
}
