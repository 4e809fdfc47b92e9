package inspect

import (
	"slices"
	"strings"
	"time"

	"multiproc/cmd/internal/page"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

// topReader reads what top shows. It reads files, in the metrics directory and in /proc, and never asks anybody: workers and
// master may all be stopped.
type topReader struct {
	dir       string
	inspector *mpmetrics.Inspector
	reader    requests.Reader
}

func newTopReader(dir string) *topReader {
	return &topReader{dir: dir, inspector: mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})}
}

func (r *topReader) close() { r.inspector.Close() }

// topReading is what there was at one moment.
type topReading struct {
	at        time.Time
	note      *page.StatusFile // nil: there is none
	processes []mpmetrics.Process
	loads     map[string]requests.Totals // by id
	usages    map[string]master.Usage    // by id, of those that are seen to live
	counters  map[string]float64         // by sample, of all processes together; of histograms and summaries their counts
	files     map[string]bool            // those that counters are in, by name, and whether they are without fault
	faulty    int                        // files of any kind
}

func (r *topReader) read() (*topReading, error) {
	in, err := r.inspector.Look()
	if err != nil {
		return nil, err
	}
	t := &topReading{
		at:       in.Time,
		note:     page.ReadStatusFile(r.dir),
		loads:    r.reader.Read(in.Files),
		usages:   map[string]master.Usage{},
		counters: map[string]float64{},
		files:    map[string]bool{},
	}
	for _, p := range in.Processes {
		t.processes = append(t.processes, *p)
		if p.Liveness != mpmetrics.Alive {
			continue // the pid may be anybody's
		}
		if u, err := master.ReadUsage(p.PID); err == nil {
			t.usages[p.ID] = u
		}
	}
	for _, row := range in.Compare(nil, nil) {
		if row.Type == "counter" || row.Type != "gauge" && strings.HasSuffix(row.Name, "_count") {
			t.counters[row.Sample] = row.Merged
		}
	}
	for _, f := range in.Files {
		if len(f.Faults) > 0 {
			t.faulty++
		}
		if f.Type != "gauge" {
			t.files[f.Name] = len(f.Faults) == 0
		}
	}
	return t, nil
}

// process is the one with the id, or the pid; nil where neither is known.
func (t *topReading) process(id string, pid int) *mpmetrics.Process {
	var byPID *mpmetrics.Process
	for i := range t.processes {
		switch p := &t.processes[i]; {
		case p.ID == id:
			return p
		case pid > 0 && p.PID == pid:
			byPID = p
		}
	}
	return byPID
}

// staleNote is how old the master's last word may be, which speaks every second.
const staleNote = 5 * time.Second

// spoken reports whether the master has said something just now.
func (t *topReading) spoken() bool {
	return t.note != nil && t.at.Sub(t.note.At) < staleNote
}

// running reports whether anything of the directory is known to live: a process, or the master that has just spoken, whose
// processes are in a container or another user's, and so cannot be seen.
func (t *topReading) running() bool {
	return slices.ContainsFunc(t.processes, func(p mpmetrics.Process) bool {
		return p.Liveness == mpmetrics.Alive || p.Liveness == mpmetrics.LivenessUnknown && t.spoken()
	})
}

// follows reports whether counters can be compared with those of an earlier reading: where a file has gone since then, or
// has or had a fault, a sum over all files says nothing.
func (t *topReading) follows(before *topReading) bool {
	for name, sound := range before.files {
		if !sound || !t.files[name] {
			return false
		}
	}
	return true
}

// said is what the master has said of a worker; nil: nothing.
func (t *topReading) said(id string) *master.WorkerStatus {
	if t.note == nil {
		return nil
	}
	workers := t.note.Status.Workers
	if i := slices.IndexFunc(workers, func(w master.WorkerStatus) bool { return w.ID == id }); i >= 0 {
		return &workers[i]
	}
	return nil
}
