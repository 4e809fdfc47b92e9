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
)

// Process is who writes, or has written, metrics under an id.
type Process struct {
	ID   string // as in the names of its files
	Life Life   // at the moment of the Look
	PID  int    // 0: not known

	// What it says of itself in its lock file. Other libraries have none: all of this is zero.
	Slot       int       // see WriterOptions
	Generation int       // see WriterOptions
	Start      time.Time // when the process was started
	Program    string    // path of its executable

	elsewhere bool // its pid is of another pid namespace
}

// maxLockFile bounds what is read of a lock file, in bytes.
const maxLockFile = 16 << 10

// processes are those of the ids that files are named by and of the lock files, by id.
func (i *Inspector) processes(dir dirfd, sources []*source) []*Process {
	fileOf := map[string]string{}
	for _, s := range sources {
		if !s.foreign && fileOf[s.id] == "" {
			fileOf[s.id] = s.file
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
		if !i.readLock(dir, p) {
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
		if id, ok := strings.CutSuffix(string(name), lockSuffix); ok && validID.MatchString(id) {
			ids = append(ids, id)
		}
	})
	return ids
}

// readLock takes from a process's lock file what that says. It reports false where there is none.
func (i *Inspector) readLock(dir dirfd, p *Process) bool {
	fd, err := dir.open(lockName(p.ID), unix.O_RDONLY, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	lock, err := p.readHolder(fd)
	if err == nil && !i.noLocks {
		p.Life = lifeByLock(fd)
	}
	_ = unix.Close(fd) // first: it may be this process that is asked for what it has open
	if err == nil && i.noLocks && !p.elsewhere {
		p.Life = lifeByProcess(p.PID, lock)
	}
	return true
}

// readHolder reads a lock file. One that holds nothing of use, as on a full disk, is a lock all the same.
func (p *Process) readHolder(fd int) (openedFile, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return openedFile{}, err
	}
	if !regular(st) {
		return openedFile{}, errors.New("is not a regular file")
	}
	line := make([]byte, min(st.Size, maxLockFile))
	var who holder
	if readStart(fd, line) == nil && json.Unmarshal(line, &who) == nil {
		p.PID, p.Slot, p.Generation, p.Start, p.Program = who.PID, who.Slot, who.Generation, who.Start, who.Program
		p.elsewhere = who.PIDNamespace != 0 && who.PIDNamespace != pidNamespace()
	}
	return identify(p.ID+lockSuffix, st), nil
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
