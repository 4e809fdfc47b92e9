package master

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
	// reloadAsked comes from a signal, the control socket or a touched file.
	reloadAsked struct{}
	// prepared says that a generation may start workers, or why not: its settings have been read and its prelude has
	// ended. Of the first generation, the limits are known already.
	prepared struct {
		generation handoff.Generation
		limits     Limits
		failed     error
	}
)

// happen begins a reload. One that has not begun to read the settings is as good as a new one; else one more follows,
// for however many ask.
func (reloadAsked) happen(f *fleet, now time.Time) {
	switch {
	case f.stop != nil:
	case f.reload == nil:
		f.beginReload(now)
	case f.reload.step != waiting:
		f.again = true
	}
}

func (f *fleet) beginReload(now time.Time) {
	f.latest++
	f.reload = &reload{began: now, next: generation{number: f.latest}}
}

func (e prepared) happen(f *fleet, now time.Time) {
	switch first := !f.begun; {
	case !f.prepares(e.generation): // given up in the meantime
	case first && e.failed != nil:
		f.stopInVain(now)
	case first:
		f.begun = true
	case e.failed != nil:
		f.failReload(now, nil, e.failed)
	default:
		f.reload.step, f.reload.next.limits = rolling, e.limits
	}
}

// prepares reports whether a generation is waited for to be prepared.
func (f *fleet) prepares(g handoff.Generation) bool {
	switch {
	case f.stop != nil:
		return false
	case !f.begun:
		return g == f.current.number
	}
	return f.reload != nil && f.reload.step == preparing && g == f.reload.next.number
}

// settleReload goes as far as it can: one new worker first, when that is ready the others, when all are, the commit.
func (f *fleet) settleReload(now time.Time) {
	r := f.reload
	if r == nil {
		return
	}
	if r.step == waiting && !f.cold && f.draining() <= f.target() {
		r.step = preparing
		f.do(prepare{r.next.number})
	}
	if r.step != rolling {
		return
	}
	if missing := f.missing(); missing == nil {
		f.commit(now)
		f.settleReload(now) // nothing else may happen for long, and another one may follow
	} else {
		for _, slot := range missing {
			f.start(now, r.next, slot)
		}
	}
}

// missing are the slots that a next worker may be started in at this time; nil when all of them have a ready one.
func (f *fleet) missing() []handoff.Slot {
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
		case holders[0].phase == ready:
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
func (f *fleet) commit(now time.Time) {
	old, began := f.current, f.reload.began
	f.current, f.reload, f.extra = f.reload.next, nil, 0
	f.failing = map[handoff.Slot]*backoff{}
	for _, w := range f.workers {
		if w.active() && w.identity.Generation == old.number {
			f.drain(now, w, forReload, f.current.limits.ReloadMercy)
		}
	}
	f.do(retire{old.number})
	f.do(reloaded{generation: f.current.number, began: began})
	f.afterReload(now)
}

// coming reports whether a worker is one of the next generation.
func (f *fleet) coming(w *worker) bool {
	return f.reload != nil && w.identity.Generation == f.reload.next.number
}

// failReload takes the reload back; the culprit, where there is one, is dealt with by the caller. Of the other new
// workers those that are ready have requests to finish.
func (f *fleet) failReload(now time.Time, culprit *worker, cause error) {
	number, mercy := f.reload.next.number, f.reload.next.limits.ReloadMercy
	outcome := reloaded{generation: number, began: f.reload.began, failed: cause}
	f.reload = nil
	for _, w := range f.workers {
		if w.active() && w.identity.Generation == number && w != culprit {
			f.drain(now, w, forRollback, mercy)
		}
	}
	f.do(retire{number})
	if culprit != nil {
		outcome.culprit = culprit.serial
	}
	f.do(outcome)
	f.afterReload(now)
}

func (f *fleet) afterReload(now time.Time) {
	if f.again && f.stop == nil {
		f.again = false
		f.beginReload(now)
	}
}
