package main

import (
	"strings"
	"time"

	"multiproc/master"
	"multiproc/mpmetrics"
)

// topReader reads what top shows. It reads files, in the metrics directory and in /proc, and never asks anybody: workers and
// master may all be stopped.
type topReader struct {
	inspector *mpmetrics.Inspector
	loads     workloads
}

func newTopReader(dir string) *topReader {
	return &topReader{inspector: mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{NoLocks: true})}
}

func (r *topReader) close() { r.inspector.Close() }

// topReading is what there was at one moment.
type topReading struct {
	at        time.Time
	note      *masterNote // nil: there is none
	processes []mpmetrics.Process
	loads     map[string]workload     // by id
	usages    map[string]master.Usage // by id, of those that live
	counters  map[string]float64      // by sample, of all processes together; of histograms and summaries their counts
	faulty    int                     // files
}

func (r *topReader) read() (*topReading, error) {
	in, err := r.inspector.Look()
	if err != nil {
		return nil, err
	}
	t := &topReading{
		at:       in.Time,
		note:     readMasterNote(in.Note),
		loads:    r.loads.of(in.Files),
		usages:   map[string]master.Usage{},
		counters: map[string]float64{},
	}
	for _, p := range in.Processes {
		t.processes = append(t.processes, *p)
		if p.Life == mpmetrics.Dead || p.PID == 0 {
			continue
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

// running reports whether some process of the directory is seen to live.
func (t *topReading) running() bool {
	for _, p := range t.processes {
		if _, ok := t.usages[p.ID]; ok || p.Life == mpmetrics.Alive {
			return true
		}
	}
	return false
}
