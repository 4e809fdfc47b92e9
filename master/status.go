package master

import (
	"time"

	"multiproc/internal/listen"
	"multiproc/worker/handoff"
)

// Status describes the master and its workers at one moment.
type Status struct {
	PID        int                `json:"pid"`        // of the master
	Started    time.Time          `json:"started"`    // when the master was started
	Generation handoff.Generation `json:"generation"` // the one that serves
	Program    string             `json:"program"`    // path of the workers' executable, symbolic links resolved
	Target     int                `json:"target"`     // wanted number of workers
	MinReady   int                `json:"min_ready"`  // see Limits
	Reloading  bool               `json:"reloading"`  // a reload is in progress
	Stopping   bool               `json:"stopping"`   // it was asked to stop
	Workers    []WorkerStatus     `json:"workers"`    // the oldest first
	Waiting    []SlotStatus       `json:"waiting"`    // slots whose worker died and is restarted later
	Exporter   *ExporterStatus    `json:"exporter,omitempty"`
	Listeners  []listen.Queue     `json:"listeners"` // at most a second old
	Reloads    []ReloadStatus     `json:"reloads"`   // the latest ones, the oldest first
}

// WorkerStatus describes a worker's process.
type WorkerStatus struct {
	Slot       handoff.Slot       `json:"slot"`                // shared with a worker that it replaces or that replaces it
	ID         string             `json:"id"`                  // see handoff.Identity
	PID        int                `json:"pid"`                 // process id
	Generation handoff.Generation `json:"generation"`          // the one that it was started with
	State      State              `json:"state"`               // from starting to ending
	Leaving    string             `json:"leaving,omitempty"`   // why it is being replaced, as in Hooks.Ended
	Started    time.Time          `json:"started"`             // when it was started
	Restarts   int                `json:"restarts"`            // number of workers started in its slot before it
	LastExit   *ExitStatus        `json:"last_exit,omitempty"` // of those, the one that exited last
	StatusText string             `json:"says,omitempty"`      // its own status text, on one line
	Resident   uint64             `json:"resident_bytes"`      // see Usage; like the next two, at most a second old
	Virtual    uint64             `json:"virtual_bytes"`       // see Usage
	CPU        time.Duration      `json:"cpu_nanoseconds"`     // see Usage
}

// ExporterStatus describes the exporter, which does not count as a worker.
type ExporterStatus struct {
	Processes []WorkerStatus `json:"processes"`         // the oldest first; two during a replacement
	Waiting   *SlotStatus    `json:"waiting,omitempty"` // it died and is restarted later
}

// StateAndReason returns the state for people, with the reason if the worker is being replaced.
func (w WorkerStatus) StateAndReason() string {
	if w.Leaving == "" {
		return string(w.State)
	}
	return string(w.State) + " (" + w.Leaving + ")"
}

// SlotStatus describes a slot whose worker is yet to be started.
type SlotStatus struct {
	Slot     handoff.Slot `json:"slot"`                // from 1 on
	Next     time.Time    `json:"next"`                // when the worker is started
	Restarts int          `json:"restarts"`            // as that worker will have it
	LastExit *ExitStatus  `json:"last_exit,omitempty"` // likewise
}

// State is the state of a worker.
type State string

// States of a worker, as they follow each other.
const (
	StateStarting State = "starting" // until it is ready
	StateReady    State = "ready"    // it serves
	StateDraining State = "draining" // asked to end
	StateEnding   State = "ending"   // being ended by force
)

// States returns the states in the order in which a worker passes through them.
func States() []State { return []State{StateStarting, StateReady, StateDraining, StateEnding} }

// Ready returns the number of ready workers.
func (s Status) Ready() int {
	n := 0
	for _, w := range s.Workers {
		if w.State == StateReady {
			n++
		}
	}
	return n
}

// Unready returns why readiness checks must fail, or "" if they must not.
func (s Status) Unready() string {
	switch {
	case s.Stopping:
		return "the master is stopping"
	case s.Ready() < s.MinReady:
		return handoff.FewReady
	}
	return ""
}

func (m *Master) status() Status {
	f := m.fleet
	next, began, reloading := f.Reload()
	s := Status{
		PID:        m.pid,
		Started:    m.started,
		Generation: f.Generation(),
		Program:    m.launches[f.Generation()].Program.Path,
		Target:     f.Target(),
		MinReady:   f.MinReady(),
		Reloading:  reloading,
		Stopping:   f.Stopping(),
		Workers:    []WorkerStatus{},
		Waiting:    []SlotStatus{},
		Listeners:  m.queues,
		Reloads:    append([]ReloadStatus{}, m.history.reloads...),
	}
	for _, w := range f.Workers() {
		c := m.children[w.Serial]
		if c == nil {
			continue
		}
		status := WorkerStatus{
			Slot:       w.Identity.Slot,
			ID:         w.Identity.ID,
			PID:        c.PID,
			Generation: w.Identity.Generation,
			State:      State(w.Phase.String()),
			Leaving:    string(w.Leaving),
			Started:    w.Started,
			Restarts:   c.before.starts,
			LastExit:   c.before.last,
			StatusText: w.Status,
			Resident:   c.usage.ResidentBytes,
			Virtual:    c.usage.VirtualBytes,
			CPU:        c.usage.CPU,
		}
		if w.Identity.IsExporter() {
			s.exporter().Processes = append(s.exporter().Processes, status)
		} else {
			s.Workers = append(s.Workers, status)
		}
	}
	for slot, from := range f.Vacancies() {
		before := m.history.slots[slot]
		status := SlotStatus{Slot: slot, Next: from, Restarts: before.starts, LastExit: before.last}
		if slot == handoff.ExporterSlot {
			s.exporter().Waiting = &status
		} else {
			s.Waiting = append(s.Waiting, status)
		}
	}
	if reloading {
		s.Reloads = append(s.Reloads, ReloadStatus{Began: began, Took: time.Since(began), Generation: next})
		s.Reloads = s.Reloads[max(0, len(s.Reloads)-maxReloads):]
	}
	return s
}

func (s *Status) exporter() *ExporterStatus {
	if s.Exporter == nil {
		s.Exporter = &ExporterStatus{Processes: []WorkerStatus{}}
	}
	return s.Exporter
}
