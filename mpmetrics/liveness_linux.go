package mpmetrics

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"multiproc/internal/osfile"
)

// Liveness is the state of the process that writes a file.
type Liveness uint8

// States of a process.
const (
	LivenessUnknown Liveness = iota // it cannot be known, or not by this user
	Alive                           // it holds its lock, or has the file open
	Dead                            // it does not: its live gauges do not count
)

// String returns one word: unknown, alive or dead.
func (l Liveness) String() string { return [...]string{"unknown", "alive", "dead"}[l] }

// MarshalText returns the word of String, for JSON.
func (l Liveness) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// livenessByFD reports whether a process is alive that has a file open, given the file's name without its directory. The pid
// alone is not enough: it may have been reused, or be that of a machine from which the directory was copied.
func livenessByFD(pid int, name string, file osfile.ID) Liveness {
	open := "/proc/" + strconv.Itoa(pid) + "/fd"
	dir, err := os.Open(open)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Dead
	case err != nil:
		return LivenessUnknown
	}
	defer dir.Close()
	links, err := dir.Readdirnames(-1)
	if err != nil {
		return LivenessUnknown
	}
	for _, link := range links {
		// Links to files of other names are not followed: there may be thousands, some of them to a disk that does not answer.
		link = open + "/" + link
		if target, err := os.Readlink(link); err != nil || filepath.Base(target) != name {
			continue
		}
		if id, err := osfile.Identify(link); err == nil && id == file {
			return Alive
		}
	}
	return Dead
}
