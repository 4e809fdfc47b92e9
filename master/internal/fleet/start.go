package fleet

import (
	"slices"
	"strconv"
	"time"

	"multiproc/worker/handoff"
)

// fill starts what is missing in the current generation: a worker in each empty slot, and one successor at a time.
func (f *Fleet) fill(now time.Time) {
	if f.stop != nil || !f.begun {
		return
	}
	f.shrink(now)
	for _, slot := range f.slots() {
		if from, wanted := f.vacant(slot); wanted && !now.Before(from) {
			f.start(now, f.current, slot)
		}
	}
}

// shrink drains the workers in slots beyond the target.
func (f *Fleet) shrink(now time.Time) {
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == f.current.number && int(w.Identity.Slot) > f.Target() {
			f.drain(now, w, ReasonFewer, f.current.limits.ReloadMercy)
		}
	}
}

// vacant reports whether a slot of the current generation needs one more worker, and returns the earliest time of its start.
func (f *Fleet) vacant(slot handoff.Slot) (from time.Time, wanted bool) {
	from = f.backoff(slot).notBefore
	holders := f.holders(f.current.number, slot)
	switch {
	case len(holders) == 0:
		return from, !f.gaveUp(slot)
	case len(holders) == 1 && holders[0].Leaving != "" && (slot == handoff.ExporterSlot || f.mayRecycle()):
		// A worker that requests a replacement as soon as it is ready must not bypass the backoff.
		if served := holders[0].readyAt.Add(servedWell); served.After(from) {
			from = served
		}
		return from, true
	}
	return time.Time{}, false
}

// gaveUp reports whether a worker of the slot died before any worker was ever ready. The master does not try again then: it
// exits, and its exit code shows the reason.
func (f *Fleet) gaveUp(slot handoff.Slot) bool {
	return f.cold && f.backoff(slot).deaths > 0 && slot != handoff.ExporterSlot
}

// start adds a worker.
func (f *Fleet) start(now time.Time, g generation, slot handoff.Slot) {
	f.lastSerial++
	w := &Worker{
		Serial:   f.lastSerial,
		Identity: handoff.Identity{Slot: slot, ID: f.freeID(slot), Generation: g.number},
		Started:  now,
	}
	limits := g.limits
	if w.isExporter() {
		limits = limits.forExporter()
	}
	w.deadline = now.Add(limits.StartTimeout)
	if !limits.Notifies {
		w.deadline = now.Add(unnotifiedReady)
	}
	if limits.MaxLifetime > 0 {
		w.replaceAt = now.Add(limits.MaxLifetime + f.jitter(limits.MaxLifetimeDelta))
	}
	f.workers = append(f.workers, w)
	f.emit(Spawn{w.Serial, w.Identity})
	if f.belowMinReady {
		f.emit(Send{w.Serial, handoff.Few})
	}
}

func (f *Fleet) jitter(delta time.Duration) time.Duration {
	if delta <= 0 {
		return 0
	}
	return time.Duration(f.random.Int64N(int64(delta)))
}

// freeID returns the id of a new worker in a slot: w1, or w1-1 while another worker has that.
func (f *Fleet) freeID(slot handoff.Slot) string {
	base := "w" + strconv.Itoa(int(slot))
	if slot == handoff.ExporterSlot {
		base = "exporter"
	}
	id := base
	for n := 1; slices.ContainsFunc(f.workers, func(w *Worker) bool { return w.Identity.ID == id }); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}
