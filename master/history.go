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
	RolledBack = "rolled-back" // the old one goes on
)

// ReloadStatus is what a master knows of one reload.
type ReloadStatus struct {
	Began      time.Time          `json:"began"`             // when its settings were asked for
	Took       time.Duration      `json:"took_nanoseconds"`  // until it was committed or taken back
	Generation handoff.Generation `json:"generation"`        // that was tried
	Outcome    string             `json:"outcome,omitempty"` // Committed or RolledBack; empty: it is under way
	Error      string             `json:"error,omitempty"`   // why it was taken back, on one line
}

// ExitStatus is how a worker came to its end.
type ExitStatus struct {
	At     time.Time `json:"at"`     // when it was reaped
	Reason string    `json:"reason"` // in one word, as Hooks.Ended has it
	How    string    `json:"how"`    // as in: was killed by signal 9 (killed)
}

// history is what is known of what is over. It is bounded: by a number of reloads, and by the number of slots.
type history struct {
	reloads []ReloadStatus // the oldest first
	slots   map[handoff.Slot]past
}

// past is what was in a slot.
type past struct {
	starts int         // of workers
	last   *ExitStatus // of them that ended last; nil: none has
}

// started gives what was in the slot of a worker that has just been started.
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

// explain says better why the reload to a generation was taken back.
func (h *history) explain(g handoff.Generation, why string) {
	for i := range h.reloads {
		if h.reloads[i].Generation == g {
			h.reloads[i].Error = why
		}
	}
}

// remember keeps how a worker has ended, for those that came after it in its slot and those that will.
func (m *Master) remember(e fleet.Ended) {
	status := &ExitStatus{At: time.Now(), Reason: string(e.Reason), How: proc.Printable(e.Exit.String())}
	m.history.ended(e.Identity.Slot, status)
	for s, p := range m.processes {
		if s > e.Serial && p.Identity.Slot == e.Identity.Slot {
			p.before.last = status
		}
	}
}
