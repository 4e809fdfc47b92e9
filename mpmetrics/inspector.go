package mpmetrics

import (
	"fmt"
	"slices"
	"time"

	"multiproc/mpmetrics/internal/dir"
)

// InspectorOptions are what an Inspector may be told. The zero value is good.
type InspectorOptions struct {
	// Only are the names of the files to look at, as if there were no others. Nil is all.
	Only []string
}

// Inspector looks into a metrics directory file by file, where a Collector gives what all files together come to. As a
// Collector it keeps the files mapped, changes nothing, and takes no lock.
//
// It is not safe for concurrent use.
type Inspector struct {
	collector *Collector
	held      *values // of the last Look
}

// NewInspector makes an Inspector of the directory at path, which is opened anew for each Look. The caller must Close it.
func NewInspector(path string, opts InspectorOptions) *Inspector {
	i := &Inspector{collector: NewCollector(path, CollectorOptions{})}
	i.collector.only = opts.Only
	return i
}

// Close gives up the mappings, and with them what the last Look has given.
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

// Inspection is a metrics directory at one moment. It is of use until the next Look of the Inspector that gave it, or its
// Close.
type Inspection struct {
	Time      time.Time  // of the Look
	Files     []*File    // by name, w2 before w10
	Processes []*Process // the same by id: all that have a file or a lock file

	values *values
}

// Look reads the directory. It fails where the directory itself cannot be read; faulty files are among the others, with
// their Faults.
func (i *Inspector) Look() (*Inspection, error) {
	i.release()
	now := time.Now()
	i.held = i.collector.acquire()
	faults := map[string][]*Fault{}
	for _, f := range i.held.layout.faults {
		if f.Reason == ReasonDirectory {
			return nil, fmt.Errorf("look into metrics directory: %w", f.Err)
		}
		faults[f.File] = append(faults[f.File], f)
	}
	d, err := dir.Open(i.collector.path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	sources := i.collector.order
	in := &Inspection{Time: now, Processes: processes(d, sources), values: i.held}
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
