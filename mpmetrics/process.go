package mpmetrics

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
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
func (i *Inspector) processes(d dir.Dir, sources []*source, now time.Time) []*Process {
	files := map[string][]string{}
	for _, s := range sources {
		if !s.foreign {
			files[s.ID] = append(files[s.ID], s.file)
		}
	}
	for _, id := range d.LockedIDs() {
		files[id] = append(files[id], "")
	}
	all := make([]*Process, 0, len(files))
	others := map[*Process][]unlockedFile{}
	for id, names := range files {
		p, locked := newProcess(d, id)
		all = append(all, p)
		if locked {
			continue
		}
		for _, name := range names {
			if st, err := d.Stat(name); err == nil {
				others[p] = append(others[p], unlockedFile{name, osfile.IDFromStat(&st), st.Uid})
			}
		}
	}
	// A lock that names a pid is of this pid namespace. Other libraries' processes are not in another one then, as a rule.
	ours := slices.ContainsFunc(all, func(p *Process) bool { return p.PID != 0 })
	i.writers.identify(others, ours, now)
	slices.SortFunc(all, func(a, b *Process) int { return compareNatural(a.ID, b.ID) })
	return all
}

// newProcess returns the process that the lock of an id describes, and reports whether there is a lock.
func newProcess(d dir.Dir, id string) (p *Process, locked bool) {
	p = &Process{ID: id}
	holder, held, err := d.ReadLock(id)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p, false
	case err != nil:
		return p, true
	case held:
		p.Liveness = Alive
	default:
		p.Liveness = Dead
	}
	p.PID, p.Slot, p.Generation, p.Start, p.Program = holder.PID, holder.Slot, holder.Generation, holder.Start, holder.Program
	return p, true
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
