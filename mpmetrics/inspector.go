package mpmetrics

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"multiproc/mpmetrics/internal/dir"
)

// InspectorOptions configure an Inspector. The zero value is ready to use.
type InspectorOptions struct {
	// Only restricts the Inspector to files of these names. Nil means all files.
	Only []string
}

// Inspector reads a metrics directory file by file, where a Collector merges all files. Like a Collector it keeps the files
// mapped, changes nothing, and takes no lock.
//
// It is not safe for concurrent use.
type Inspector struct {
	collector *Collector
	held      *values // of the last Look
	writers   writerCache
}

// NewInspector makes an Inspector of the directory at path, which is opened for each Look. The caller must Close it.
func NewInspector(path string, opts InspectorOptions) *Inspector {
	i := &Inspector{collector: NewCollector(path, CollectorOptions{})}
	i.collector.only = opts.Only
	return i
}

// Close drops the mappings, and invalidates the last Inspection.
func (i *Inspector) Close() {
	i.release()
	i.collector.Close()
}

func (i *Inspector) release() {
	if i.held != nil {
		i.collector.release(i.held)
		i.held = nil
	}
}

// Inspection is a metrics directory at one moment. It is valid until the next Look or the Close of its Inspector.
type Inspection struct {
	Time      time.Time  // of the Look
	Files     []*File    // by name, w2 before w10
	Processes []*Process // by id, in the same order: all that have a metric file or a lock file
	Faults    []*Fault   // of the directory as a whole

	values *values
}

// Look reads the directory. It fails only if the directory itself cannot be read; faulty files are among the others, with
// their Faults.
func (i *Inspector) Look() (*Inspection, error) {
	i.release()
	now := time.Now()
	i.held = i.collector.acquire()
	faults := map[string][]*Fault{}
	for _, f := range i.held.layout.faults {
		if f.Reason == ReasonDirectory {
			return nil, fmt.Errorf("inspect metrics directory: %w", f.Err)
		}
		faults[f.File] = append(faults[f.File], f)
	}
	d, err := dir.Open(i.collector.path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	sources := i.collector.order
	in := &Inspection{Time: now, Processes: i.processes(d, sources, now), Faults: faults[""], values: i.held}
	byID := make(map[string]*Process, len(in.Processes))
	for _, p := range in.Processes {
		byID[p.ID] = p
	}
	for _, s := range sources {
		f, err := newFile(d, s)
		if err != nil {
			continue // removed since it was listed
		}
		f.Faults = faults[s.file]
		if f.Type != "" {
			f.Process = byID[s.ID]
		}
		in.Files = append(in.Files, f)
	}
	slices.SortFunc(in.Files, func(a, b *File) int { return compareNatural(a.Name, b.Name) })
	return in, nil
}

// Verify reads a metrics directory and returns all faults, by file and offset: the first place where a file is damaged, and
// every entry whose key is not a sample of the file's type. It returns an error if the directory cannot be read.
func Verify(path string) ([]*Fault, error) {
	c := NewCollector(path, CollectorOptions{})
	defer c.Close()
	v := c.acquire()
	defer c.release(v)
	var faults []*Fault
	for _, f := range v.layout.faults {
		switch f.Reason {
		case ReasonDirectory:
			return nil, f.Err
		case ReasonKey: // only the first of its file: all are added below
		default:
			faults = append(faults, f)
		}
	}
	for _, s := range c.order {
		for _, e := range s.table {
			if e.sample.err != nil && !s.hasFault(ReasonDialect) {
				faults = append(faults, s.badKey(e))
			}
		}
	}
	slices.SortStableFunc(faults, func(a, b *Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset))
	})
	return faults, nil
}
