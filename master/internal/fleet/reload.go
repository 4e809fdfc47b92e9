package fleet

import (
	"time"

	"multiproc/worker/handoff"
)

// reload replaces all workers by those of a next generation. Until the commit both serve, and whatever fails takes
// back the new ones alone.
type reload struct {
	step  reloadStep
	began time.Time
	next  generation
}

type reloadStep int

const (
	waiting   reloadStep = iota // for the first worker of all, or until fewer drain
	preparing                   // the settings are being read, and the prelude runs
	rolling                     // workers are being started
)

type (
	// ReloadRequested comes from a signal, the control socket or a touched file.
	ReloadRequested struct{}
	// Prepared says that a generation may start workers, or why not: its settings have been read and its prelude has
	// ended. Of the first generation, the limits are known already.
	Prepared struct {
		Generation handoff.Generation
		Limits     Limits
		Err        error
	}
)

// apply begins a reload. One that has not begun to read the settings is as good as a new one; else one more follows,
// for however many ask.
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
	case !f.Prepares(e.Generation): // given up in the meantime
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

// Prepares reports whether a generation is waited for to be prepared.
func (f *Fleet) Prepares(g handoff.Generation) bool {
	switch {
	case f.stop != nil:
		return false
	case !f.begun:
		return g == f.current.number
	}
	return f.reload != nil && f.reload.step == preparing && g == f.reload.next.number
}

// advanceReload goes as far as it can: one new worker first, when that is ready the others, when all are, the commit.
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
		f.advanceReload(now) // nothing else may happen for long, and another one may follow
	} else {
		for _, slot := range missing {
			f.start(now, r.next, slot)
		}
	}
}

// missing are the slots that a next worker may be started in at this time; nil when all of them have a ready one.
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

// commit makes the next generation the current one, and lets the old workers go.
func (f *Fleet) commit(now time.Time) {
	old, began := f.current, f.reload.began
	f.current, f.reload, f.extra = f.reload.next, nil, 0
	f.backoffs = map[handoff.Slot]*backoff{}
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == old.number {
			f.drain(now, w, ReasonReload, f.current.limits.ReloadMercy)
		}
	}
	f.emit(Retire{old.number})
	f.emit(Reloaded{Generation: f.current.number, Began: began})
	f.afterReload(now)
}

// isNext reports whether a worker is one of the next generation.
func (f *Fleet) isNext(w *Worker) bool {
	return f.reload != nil && w.Identity.Generation == f.reload.next.number
}

// failReload takes the reload back; the culprit, where there is one, is dealt with by the caller. Of the other new
// workers those that are ready have requests to finish.
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
