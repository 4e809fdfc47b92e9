package inspect

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"multiproc/cmd/internal/page"
	"multiproc/master"
	"multiproc/mpmetrics"
	"multiproc/worker/requests"
)

// topReader reads what top shows from files alone, in the metrics directory and in /proc: workers and master may all hang.
type topReader struct {
	dir       string
	inspector *mpmetrics.Inspector
	requests  requests.Reader
}

func newTopReader(dir string) *topReader {
	return &topReader{dir: dir, inspector: mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})}
}

func (r *topReader) close() { r.inspector.Close() }

// topReading is the state of a directory and its processes at one moment.
type topReading struct {
	at        time.Time
	status    *page.StatusFile // of the master; nil: there is none
	processes []mpmetrics.Process
	totals    map[string]requests.Totals // by id
	usages    map[string]master.Usage    // by id, of live processes
	counters  map[string]float64         // by sample, merged; of histograms and summaries their counts
	files     map[string]bool            // files with counters by name: whether they have no faults
	faulty    int                        // files of any kind
	faults    []string                   // of the directory as a whole
}

func (r *topReader) read() (*topReading, error) {
	in, err := r.inspector.Look()
	if err != nil {
		return nil, err
	}
	t := &topReading{
		at:       in.Time,
		status:   page.ReadStatusFile(r.dir),
		totals:   r.requests.Read(in.Files),
		usages:   map[string]master.Usage{},
		counters: map[string]float64{},
		files:    map[string]bool{},
		faulty:   countFaulty(in.Files),
	}
	for _, f := range in.Faults {
		t.faults = append(t.faults, f.String())
	}
	if err := checkHasFiles(r.dir); err != nil {
		t.faults = append(t.faults, err.Error())
	}
	for _, p := range in.Processes {
		t.processes = append(t.processes, *p)
		if p.Liveness != mpmetrics.Alive {
			continue // the pid may be reused
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
		if f.Type != "gauge" {
			t.files[f.Name] = len(f.Faults) == 0
		}
	}
	return t, nil
}

// process returns the process with the id, or else with the pid, or nil.
func (t *topReading) process(id string, pid int) *mpmetrics.Process {
	var byPID *mpmetrics.Process
	for i := range t.processes {
		switch p := &t.processes[i]; {
		case p.ID == id:
			return p
		case pid > 0 && (p.PID == pid || p.ID == strconv.Itoa(pid)):
			byPID = p
		}
	}
	return byPID
}

// maxStatusAge is the age from which the master's status, which it writes every second, is stale.
const maxStatusAge = 5 * time.Second

// fresh reports whether there is a status of the master that is not stale.
func (t *topReading) fresh() bool {
	return t.status != nil && t.at.Sub(t.status.At) < maxStatusAge
}

// running reports whether a process of the directory is alive. If liveness is unknown, as for processes of another container or
// user, a fresh status is enough.
func (t *topReading) running() bool {
	return slices.ContainsFunc(t.processes, func(p mpmetrics.Process) bool {
		return p.Liveness == mpmetrics.Alive || p.Liveness == mpmetrics.LivenessUnknown && t.fresh()
	})
}

// comparableTo reports whether the difference of counters to an earlier reading is an increase. It is not if a file was removed, or
// is or was faulty.
func (t *topReading) comparableTo(before *topReading) bool {
	if before == nil {
		return false
	}
	for name, sound := range before.files {
		if !sound || !t.files[name] {
			return false
		}
	}
	return true
}

// workerStatus returns the master's status of a worker, or nil.
func (t *topReading) workerStatus(id string) *master.WorkerStatus {
	if t.status == nil {
		return nil
	}
	workers := t.status.Status.Workers
	if i := slices.IndexFunc(workers, func(w master.WorkerStatus) bool { return w.ID == id }); i >= 0 {
		return &workers[i]
	}
	return nil
}
