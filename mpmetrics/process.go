package mpmetrics

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiproc/internal/osfile"
	"multiproc/mpmetrics/internal/dir"
)

// Process is a process that writes, or has written, metrics under an id.
type Process struct {
	ID       string   // as in the names of its files
	Liveness Liveness // at the moment of the Look
	PID      int      // 0 if it is not known, or is that of another pid namespace

	// What the process has written into its lock file. Other libraries have none, so all of this is zero.
	Slot       int       // see WriterOptions
	Generation int       // see WriterOptions
	Start      time.Time // when the Writer was made
	Program    string    // path of its executable
}

// processes returns the processes of all ids that have a metric file or a lock file, by id.
func processes(d dir.Dir, sources []*source) []*Process {
	fileOf := map[string]string{}
	for _, s := range sources {
		if !s.foreign && fileOf[s.ID] == "" {
			fileOf[s.ID] = s.file
		}
	}
	for _, id := range d.LockedIDs() {
		if _, ok := fileOf[id]; !ok {
			fileOf[id] = ""
		}
	}
	all := make([]*Process, 0, len(fileOf))
	for id, file := range fileOf {
		all = append(all, newProcess(d, id, file))
	}
	slices.SortFunc(all, func(a, b *Process) int { return compareNatural(a.ID, b.ID) })
	return all
}

func newProcess(d dir.Dir, id, file string) *Process {
	p := &Process{ID: id}
	who, held, err := d.ReadLock(id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.identifyByName(d, file)
		return p
	case err != nil:
		return p
	case held:
		p.Liveness = Alive
	default:
		p.Liveness = Dead
	}
	p.PID, p.Slot, p.Generation, p.Start, p.Program = who.PID, who.Slot, who.Generation, who.Start, who.Program
	return p
}

// identifyByName takes the id for a pid. prometheus_client's ids are pids unless it was configured otherwise.
func (p *Process) identifyByName(d dir.Dir, file string) {
	pid, err := strconv.Atoi(p.ID)
	if err != nil || pid <= 0 {
		return
	}
	p.PID = pid
	if st, err := d.Stat(file); err == nil {
		p.Liveness = livenessByFD(pid, file, osfile.IDFromStat(&st))
	}
}

// compareNatural orders texts with numbers in them by the numbers' values: w2 before w10.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		n, m := digits(a), digits(b)
		if n == 0 || m == 0 {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:n], "0"), strings.TrimLeft(b[:m], "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), strings.Compare(x, y), cmp.Compare(n, m)); c != 0 {
			return c
		}
		a, b = a[n:], b[m:]
	}
	return cmp.Compare(len(a), len(b))
}

// digits returns the number of digits that a text begins with.
func digits(s string) int { return len(s) - len(strings.TrimLeft(s, "0123456789")) }
