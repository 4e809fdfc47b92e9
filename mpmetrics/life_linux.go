package mpmetrics

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
)

// Life says whether the process that writes a file lives.
type Life uint8

const (
	LifeUnknown Life = iota // nothing tells, or it may not be known to this user
	Alive
	Dead
)

func (l Life) String() string { return [...]string{"unknown", "alive", "dead"}[l] }

// MarshalText is String, for JSON.
func (l Life) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// lifeByLock asks whether somebody holds the lock of an id, which is open as fd. It takes nothing.
func lifeByLock(fd int) Life {
	held, err := locked(fd, lifeByte)
	switch {
	case err != nil:
		return LifeUnknown
	case held:
		return Alive
	}
	return Dead
}

// lifeByProcess asks whether a process lives that has a file open. The pid alone would not do: it may be another
// process's by now, or that of a machine from which the directory was copied.
func lifeByProcess(pid int, file fileID) Life {
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
		if id, err := statID(open + "/" + name); err == nil && id == file {
			return Alive
		}
	}
	return Dead
}
