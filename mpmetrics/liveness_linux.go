package mpmetrics

import (
	"errors"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
)

// Liveness is the state of the process that writes a file.
type Liveness uint8

// States of a process.
const (
	LivenessUnknown Liveness = iota // it cannot be known, or not by this user
	Alive                           // it holds its lock, or a process has one of its files open for writing
	Dead                            // it does not: its live gauges do not count
)

// String returns one word: unknown, alive or dead.
func (l Liveness) String() string { return [...]string{"unknown", "alive", "dead"}[l] }

// MarshalText returns the word of String, for JSON.
func (l Liveness) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// unlockedFile is a file of another library, whose processes hold no lock.
type unlockedFile struct {
	name string
	id   osfile.ID
	user uint32
}

// writerCache keeps what was found in /proc, which takes long to read.
type writerCache struct {
	at    time.Time
	files map[osfile.ID]string
	found dir.Writers
}

// find returns the writers of files. Writers that have appeared since are missing for some seconds; those that it returns are current.
func (c *writerCache) find(files map[osfile.ID]string, now time.Time) dir.Writers {
	stale := now.Sub(c.at) >= relook
	for id, name := range files {
		_, known := c.files[id]
		stale = stale || !known || slices.ContainsFunc(c.found.Of(id), func(pid int) bool {
			writes, _ := dir.Writes(pid, name, id)
			return !writes
		})
	}
	if stale {
		c.at, c.files, c.found = now, files, dir.FindWriters(files)
	}
	return c.found
}

// identify sets the liveness and the pid of processes of other libraries, given their files. An id that is a number need not be a
// pid: uWSGI users take the number of the worker. So a process is alive if it, or any other, has a file open, and dead only if no
// process has the number and all that could write to the files are seen: those of the whole machine, or of this pid namespace if
// the directory belongs to it.
func (c *writerCache) identify(processes map[*Process][]unlockedFile, ours bool, now time.Time) {
	search := map[osfile.ID]string{}
	for p, files := range processes {
		pid, err := strconv.Atoi(p.ID)
		if err == nil && pid > 0 && slices.ContainsFunc(files, func(f unlockedFile) bool {
			writes, _ := dir.Writes(pid, f.name, f.id)
			return writes
		}) {
			p.Liveness, p.PID = Alive, pid
			continue
		}
		for _, f := range files {
			search[f.id] = f.name
		}
	}
	if len(search) == 0 {
		return
	}
	writers := c.find(search, now)
	for p, files := range processes {
		if p.Liveness == Alive {
			continue
		}
		var pids []int
		complete := true
		for _, f := range files {
			pids = append(pids, writers.Of(f.id)...)
			complete = complete && writers.Shown(f.user, ours)
		}
		slices.Sort(pids)
		pids = slices.Compact(pids)
		switch pid, err := strconv.Atoi(p.ID); {
		case len(pids) > 0:
			p.Liveness = Alive
			if len(pids) == 1 {
				p.PID = pids[0]
			}
		case err == nil && pid > 0 && complete && errors.Is(unix.Kill(pid, 0), unix.ESRCH):
			p.Liveness, p.PID = Dead, pid
		}
	}
}
