package fleet

import (
	"time"

	"multiproc/worker/handoff"
)

// reload replaces all workers by those of the next generation. Until the commit both serve, and a failure ends the new workers
// only.
type reload struct {
	step  reloadStep
	began time.Time
	next  generation
}

type reloadStep int

const (
	waiting   reloadStep = iota // for the first worker to become ready, or until fewer drain
	preparing                   // the settings are read, and the prestart command runs
	rolling                     // workers are started
)

type (
	// ReloadRequested is a request by a signal, the control socket or a watched file.
	ReloadRequested struct{}
	// Prepared reports that the settings of a generation have been read and its prestart command has succeeded, or why not.
	// Limits are ignored for the first generation.
	Prepared struct {
		Generation handoff.Generation
		Limits     Limits
		Err        error
	}
)

// apply begins a reload. A reload that has not begun to read the settings serves this request too; after that, one more reload
// follows, for any number of requests.
func (ReloadRequested) apply(f *Fleet, now time.Time) {
	switch {
	case f.stop != nil:
	case f.reload == nil:
		f.beginReload(now)
	case f.reload.step != waiting:
		f.reloadAgain = true
	}
}

func (f *Fleet) beginReload(now time.Time) {
	f.lastGeneration++
	f.reload = &reload{began: now, next: generation{number: f.lastGeneration}}
}

func (e Prepared) apply(f *Fleet, now time.Time) {
	switch first := !f.begun; {
	case !f.Prepares(e.Generation): // no longer wanted
	case first && e.Err != nil:
		f.stopNoneReady(now)
	case first:
		f.begun = true
	case e.Err != nil:
		f.failReload(now, nil, e.Err)
	default:
		f.reload.step, f.reload.next.limits = rolling, e.Limits
	}
}

// Prepares reports whether the fleet waits for a generation to be Prepared.
func (f *Fleet) Prepares(g handoff.Generation) bool {
	switch {
	case f.stop != nil:
		return false
	case !f.begun:
		return g == f.current.number
	}
	return f.reload != nil && f.reload.step == preparing && g == f.reload.next.number
}

// advanceReload continues the reload as far as possible: it starts one new worker, when that is ready the others, and commits when
// all are ready.
func (f *Fleet) advanceReload(now time.Time) {
	r := f.reload
	if r == nil {
		return
	}
	if r.step == waiting && !f.cold && f.draining() <= f.Target() {
		r.step = preparing
		f.emit(Prepare{r.next.number})
	}
	if r.step != rolling {
		return
	}
	if missing := f.missing(); missing == nil {
		f.commit(now)
		f.advanceReload(now) // another one may follow, and no event may come for long
	} else {
		for _, slot := range missing {
			f.start(now, r.next, slot)
		}
	}
}

// missing returns the slots in which a worker of the next generation may be started now; nil if all have a ready one.
func (f *Fleet) missing() []handoff.Slot {
	r := f.reload
	free := r.next.limits.Starting
	if free <= 0 {
		free = r.next.limits.Workers
	}
	slots, anyReady, allReady := []handoff.Slot{}, false, true
	for slot := handoff.Slot(1); int(slot) <= r.next.limits.Workers; slot++ {
		holders := f.holders(r.next.number, slot)
		switch {
		case len(holders) == 0:
			slots = append(slots, slot)
		case holders[0].Phase == Ready:
			anyReady = true
			continue
		default:
			free--
		}
		allReady = false
	}
	if allReady {
		return nil
	}
	if !anyReady { // the first goes alone
		free = min(free, 1-(r.next.limits.Workers-len(slots)))
	}
	return slots[:max(0, min(free, len(slots)))]
}

// commit makes the next generation the current one and drains the old workers.
func (f *Fleet) commit(now time.Time) {
	old, began := f.current, f.reload.began
	f.current, f.reload, f.extra = f.reload.next, nil, 0
	f.backoffs = map[handoff.Slot]*backoff{}
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == old.number && !w.isExporter() {
			f.drain(now, w, ReasonReload, f.current.limits.ReloadMercy)
		}
	}
	f.replaceExporter(now)
	f.emit(Retire{old.number})
	f.emit(Reloaded{Generation: f.current.number, Began: began})
	f.afterReload(now)
}

// isNext reports whether a worker is one of the next generation.
func (f *Fleet) isNext(w *Worker) bool {
	return f.reload != nil && w.Identity.Generation == f.reload.next.number
}

// failReload rolls the reload back. The caller deals with the culprit, if there is one; the other new workers drain, since
// those that are ready have requests to finish.
func (f *Fleet) failReload(now time.Time, culprit *Worker, cause error) {
	number, mercy := f.reload.next.number, f.reload.next.limits.ReloadMercy
	outcome := Reloaded{Generation: number, Began: f.reload.began, Err: cause}
	f.reload = nil
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == number && w != culprit {
			f.drain(now, w, ReasonRollback, mercy)
		}
	}
	f.emit(Retire{number})
	if culprit != nil {
		outcome.Culprit = culprit.Serial
	}
	f.emit(outcome)
	f.afterReload(now)
}

func (f *Fleet) afterReload(now time.Time) {
	if f.reloadAgain && f.stop == nil {
		f.reloadAgain = false
		f.beginReload(now)
	}
}
