package master

import (
	"time"

	"multiproc/internal/listen"
	"multiproc/worker/handoff"
)

// Status is what a master knows of itself and its workers at one moment.
type Status struct {
	PID        int                `json:"pid"`        // the master's
	Started    time.Time          `json:"started"`    // the master
	Generation handoff.Generation `json:"generation"` // the one that serves
	Program    string             `json:"program"`    // symbolic links resolved
	Target     int                `json:"target"`     // how many workers there are to be
	MinReady   int                `json:"min_ready"`  // see Limits
	Reloading  bool               `json:"reloading"`  // a reload is under way
	Stopping   bool               `json:"stopping"`   // it was told to stop
	Workers    []WorkerStatus     `json:"workers"`    // the oldest first
	Waiting    []SlotStatus       `json:"waiting"`    // places whose worker died, and is to be started later
	Listeners  []listen.Queue     `json:"listeners"`  // as they were within the last second
	Reloads    []ReloadStatus     `json:"reloads"`    // the last ones, the oldest first
}

// WorkerStatus is what a master knows of one process.
type WorkerStatus struct {
	Slot       handoff.Slot       `json:"slot"`                // its place, which it may share with one that ends
	ID         string             `json:"id"`                  // see handoff.Identity
	PID        int                `json:"pid"`                 // of the process
	Generation handoff.Generation `json:"generation"`          // that it was started with
	State      State              `json:"state"`               // of its life
	Leaving    string             `json:"leaving,omitempty"`   // why it is being replaced
	Started    time.Time          `json:"started"`             // the process
	Restarts   int                `json:"restarts"`            // how many were started in its slot before it, whatever for
	LastExit   *ExitStatus        `json:"last_exit,omitempty"` // of those, the one that ended last
	Says       string             `json:"says,omitempty"`      // its own words, on one line
	Resident   uint64             `json:"resident_bytes"`      // see Usage; this and the next within the last second
	Virtual    uint64             `json:"virtual_bytes"`       // see Usage
	CPU        time.Duration      `json:"cpu_nanoseconds"`     // see Usage
}

// StateAndReason returns the state for people, with the reason if the worker is being replaced.
func (w WorkerStatus) StateAndReason() string {
	if w.Leaving == "" {
		return string(w.State)
	}
	return string(w.State) + " (" + w.Leaving + ")"
}

// SlotStatus is what a master knows of a slot whose worker is yet to be started.
type SlotStatus struct {
	Slot     handoff.Slot `json:"slot"`                // the place
	Next     time.Time    `json:"next"`                // when it will be
	Restarts int          `json:"restarts"`            // as that worker will have it
	LastExit *ExitStatus  `json:"last_exit,omitempty"` // likewise
}

// State is how far a worker has come in its life.
type State string

// States of workers.
const (
	StateStarting State = "starting" // until it is ready
	StateReady    State = "ready"    // it serves
	StateDraining State = "draining" // asked to end
	StateEnding   State = "ending"   // being ended by force
)

// States are the states of workers, in the order of a worker's life.
func States() []State { return []State{StateStarting, StateReady, StateDraining, StateEnding} }

// Ready is how many workers are ready.
func (s Status) Ready() int {
	n := 0
	for _, w := range s.Workers {
		if w.State == StateReady {
			n++
		}
	}
	return n
}

// Unready says why requests should go elsewhere, and nothing where they need not.
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
		p := m.processes[w.Serial]
		if p == nil {
			continue
		}
		s.Workers = append(s.Workers, WorkerStatus{
			Slot:       w.Identity.Slot,
			ID:         w.Identity.ID,
			PID:        p.PID,
			Generation: w.Identity.Generation,
			State:      State(w.Phase.String()),
			Leaving:    string(w.Leaving),
			Started:    w.Started,
			Restarts:   p.before.starts,
			LastExit:   p.before.last,
			Says:       w.Status,
			Resident:   p.usage.ResidentBytes,
			Virtual:    p.usage.VirtualBytes,
			CPU:        p.usage.CPU,
		})
	}
	for slot, from := range f.Vacancies() {
		before := m.history.slots[slot]
		s.Waiting = append(s.Waiting, SlotStatus{Slot: slot, Next: from, Restarts: before.starts, LastExit: before.last})
	}
	if reloading {
		s.Reloads = append(s.Reloads, ReloadStatus{Began: began, Took: time.Since(began), Generation: next})
		s.Reloads = s.Reloads[max(0, len(s.Reloads)-maxReloads):]
	}
	return s
}
