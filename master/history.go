package master

import (
	"slices"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// maxReloads bounds how many reloads are remembered.
const maxReloads = 16

// Outcomes of reloads.
const (
	Committed  = "committed"   // the new generation serves
	RolledBack = "rolled-back" // the old generation continues
)

// ReloadStatus describes one reload.
type ReloadStatus struct {
	Began      time.Time          `json:"began"`             // when it was requested
	Took       time.Duration      `json:"took_nanoseconds"`  // until it was committed or rolled back, or until now
	Generation handoff.Generation `json:"generation"`        // the one that was tried
	Outcome    string             `json:"outcome,omitempty"` // Committed or RolledBack; empty: it is in progress
	Error      string             `json:"error,omitempty"`   // why it was rolled back, on one line
}

// ExitStatus describes the exit of a worker.
type ExitStatus struct {
	At     time.Time `json:"at"`     // when it was reaped
	Reason string    `json:"reason"` // as in Hooks.Ended
	How    string    `json:"how"`    // for people, as in: was killed by signal 9 (killed)
}

// history records reloads, a bounded number of them, and the exits of each slot.
type history struct {
	reloads []ReloadStatus        // the oldest first
	slots   map[handoff.Slot]past // the exporter's, too
}

// past is the history of a slot.
type past struct {
	starts int         // number of workers started in it
	last   *ExitStatus // of the worker that exited last; nil: none has
}

// started records a worker that has just been started and returns what was in its slot before.
func (h *history) started(slot handoff.Slot) past {
	before := h.slots[slot]
	h.slots[slot] = past{before.starts + 1, before.last}
	return before
}

func (h *history) ended(slot handoff.Slot, e *ExitStatus) {
	h.slots[slot] = past{h.slots[slot].starts, e}
}

func (h *history) reloaded(r ReloadStatus) {
	h.reloads = append(h.reloads, r)
	if len(h.reloads) > maxReloads {
		h.reloads = slices.Clone(h.reloads[1:])
	}
}

// explain replaces the reason why the reload to a generation was rolled back by a better one.
func (h *history) explain(g handoff.Generation, why string) {
	for i := range h.reloads {
		if h.reloads[i].Generation == g {
			h.reloads[i].Error = why
		}
	}
}

// remember records the exit of a worker for its slot and for the workers that have been started there since.
func (m *Master) remember(e fleet.Ended) {
	status := &ExitStatus{At: time.Now(), Reason: string(e.Reason), How: proc.Printable(e.Exit.String())}
	m.history.ended(e.Identity.Slot, status)
	for s, c := range m.children {
		if s > e.Serial && c.Identity.Slot == e.Identity.Slot {
			c.before.last = status
		}
	}
}
