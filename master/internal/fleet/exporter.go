package fleet

import (
	"time"

	"multiproc/worker/handoff"
)

// The exporter is a process beside the workers, in a slot of its own. It is started, supervised and restarted like a worker, but it
// does not count as one: no readiness, reload or stop depends on it. A reload replaces it after the commit, as a worker is recycled,
// and it is the last to end in a stop.

// exporterMercy bounds the drain of the exporter when the master stops, before it is cut.
const exporterMercy = time.Second

func (w *Worker) isExporter() bool { return w.Identity.IsExporter() }

// forExporter returns the limits of the exporter. It always notifies, and it is not replaced for its age or its memory, whatever
// the limits of workers.
func (l Limits) forExporter() Limits {
	return Limits{Notifies: true, StartTimeout: l.StartTimeout, Heartbeat: l.Heartbeat, ReloadMercy: l.ReloadMercy}
}

// slots returns the slots of the current generation that must have a process.
func (f *Fleet) slots() []handoff.Slot {
	var slots []handoff.Slot
	for n := range f.Target() {
		slots = append(slots, handoff.Slot(n+1))
	}
	if f.current.limits.Exporter {
		slots = append(slots, handoff.ExporterSlot) // last: the workers are more urgent
	}
	return slots
}

// replaceExporter marks the exporter of an older generation for replacement, or drains it if the current generation has none.
func (f *Fleet) replaceExporter(now time.Time) {
	for _, w := range f.exporters() {
		switch {
		case !w.active():
		case f.current.limits.Exporter && w.Phase == Ready:
			f.markForReplacement(now, w, ReasonReload)
		default:
			f.drain(now, w, ReasonReload, f.current.limits.ReloadMercy)
		}
	}
}

// drainExporter ends the exporter of a master that stops.
func (f *Fleet) drainExporter(now time.Time) {
	for _, w := range f.exporters() {
		if w.active() {
			f.drain(now, w, ReasonStop, exporterMercy)
		}
		w.hurry(now.Add(exporterMercy))
	}
}

func (f *Fleet) exporters() []*Worker {
	var found []*Worker
	for _, w := range f.workers {
		if w.isExporter() {
			found = append(found, w)
		}
	}
	return found
}
