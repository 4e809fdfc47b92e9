package mpmetrics

import (
	"encoding/json"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/mpmetrics/internal/format"
)

// Process is who writes, or has written, metrics under an id.
type Process struct {
	ID   string // as in the names of its files
	Life Life   // at the moment of the Look
	PID  int    // 0 if it is not known, or is that of another pid namespace

	// What it says of itself in its lock file. Other libraries have none: all of this is zero.
	Slot       int       // see WriterOptions
	Generation int       // see WriterOptions
	Start      time.Time // when the process was started
	Program    string    // path of its executable
}

// maxLockFile bounds what is read of a lock file, in bytes.
const maxLockFile = 16 << 10

// processes are those of the ids that files are named by and of the lock files, by id.
func processes(dir dirfd, sources []*source) []*Process {
	fileOf := map[string]string{}
	for _, s := range sources {
		if !s.foreign && fileOf[s.ID] == "" {
			fileOf[s.ID] = s.file
		}
	}
	for _, id := range lockedIDs(dir) {
		if _, ok := fileOf[id]; !ok {
			fileOf[id] = ""
		}
	}
	all := make([]*Process, 0, len(fileOf))
	for id, file := range fileOf {
		p := &Process{ID: id}
		if !p.readLock(dir) {
			p.byName(dir, file)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *Process) int { return compareNatural(a.ID, b.ID) })
	return all
}

// lockedIDs are the ids that have a lock file. Where they cannot be listed there are none that could be told of.
func lockedIDs(dir dirfd) []string {
	own, err := dir.openOwn()
	if err != nil {
		return nil
	}
	defer own.Close()
	var ids []string
	_ = own.list(make([]byte, 1<<15), func(name []byte, _ uint64, _ uint8) {
		if id, ok := strings.CutSuffix(string(name), lockSuffix); ok && format.ValidID(id) {
			ids = append(ids, id)
		}
	})
	return ids
}

// readLock takes from a process's lock file what that says. It reports false where there is none.
func (p *Process) readLock(dir dirfd) bool {
	fd, err := dir.open(lockName(p.ID), unix.O_RDONLY, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer unix.Close(fd)
	if err := p.readHolder(fd); err == nil {
		p.Life = lifeByLock(fd)
	}
	return true
}

// readHolder reads a lock file. One that holds nothing of use, as on a full disk, is a lock all the same.
func (p *Process) readHolder(fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if !regular(st) {
		return errors.New("is not a regular file")
	}
	line := make([]byte, min(st.Size, maxLockFile))
	var who holder
	if readStart(fd, line) == nil && json.Unmarshal(line, &who) == nil {
		p.PID, p.Slot, p.Generation, p.Start, p.Program = who.PID, who.Slot, who.Generation, who.Start, who.Program
		if who.PIDNamespace != 0 && who.PIDNamespace != pidNamespace() {
			p.PID = 0
		}
	}
	return nil
}

// byName takes the id for a pid, as prometheus_client's are unless it was told otherwise.
func (p *Process) byName(dir dirfd, file string) {
	pid, err := strconv.Atoi(p.ID)
	if err != nil || pid <= 0 {
		return
	}
	p.PID = pid
	if st, err := dir.stat(file); err == nil {
		p.Life = lifeByProcess(pid, identify(file, st))
	}
}
