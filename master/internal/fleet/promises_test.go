package fleet

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

func (w *world) must(holds bool, format string, args ...any) {
	if !holds {
		panic(broken(fmt.Sprintf(format, args...)))
	}
}

// turn passes an event to the fleet, performs the actions, and checks the promises.
func (w *world) turn(e Event) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%12v  %T%+v\n", w.now.Sub(w.began), e, e)
	}
	wasFinished := w.finished
	switch e := e.(type) {
	case Prepared:
		if w.fleet.Prepares(e.Generation) && e.Err == nil {
			w.prepared[e.Generation] = true
			w.most = max(w.most, e.Limits.Workers)
		}
	case StopRequested:
		w.fast = w.fast || w.stopped || e.Fast
		if !w.stopped {
			w.stopped, w.asked = true, w.now
		}
	case Exited:
		w.reap(w.actors[e.Serial-1])
	}
	w.reload = nil
	actions := w.fleet.Handle(w.now, e)
	for _, a := range actions {
		if w.trace != nil {
			fmt.Fprintf(w.trace, "%12s    -> %T%+v\n", "", a, a)
		}
		if a, ok := a.(Reloaded); ok {
			w.must(w.reload == nil, "two reloads end at once")
			w.reload = &a
		}
	}
	for _, a := range actions {
		if _, ok := a.(Log); !ok {
			w.must(!wasFinished, "after the end: %T%+v", a, a)
		}
		w.do(a, e)
	}
	w.check(e)
}

// reap records an exit. A slot whose workers die early must not be started more than ten times in a minute.
func (w *world) reap(a *actor) {
	f := w.fleet.Find(a.serial)
	a.reaped = true
	w.unreaped = slices.DeleteFunc(w.unreaped, func(other *actor) bool { return other == a })
	if !f.active() {
		return
	}
	if f.served(w.now) >= servedWell {
		delete(w.early, a.place())
		return
	}
	starts := append(w.early[a.place()], a.started)
	w.early[a.place()] = starts
	if n := len(starts); n > 10 && !w.stopped {
		w.must(starts[n-1].Sub(starts[n-11]) >= time.Minute, "slot %d: more than 10 starts in %v", a.identity.Slot, starts[n-1].Sub(starts[n-11]))
	}
}

// do performs an action and checks that it is allowed.
func (w *world) do(a Action, e Event) {
	switch a := a.(type) {
	case Spawn:
		w.spawn(a)
	case Kill:
		w.signal(a)
	case Send:
		who := w.known(a.Serial)
		switch a.Word {
		case handoff.Few, handoff.Enough:
			who.few = a.Word == handoff.Few
		case handoff.Unready:
			if !w.stopped && who.exporter() && w.workers() == 0 { // no worker became ready
				w.stopped, w.noneReady, w.asked = true, true, w.now
			}
			w.must(w.stopped && !who.unready, "%s: Unready is sent again, or without a stop", who.identity.ID)
			who.unready = true
		case handoff.Cut:
			last := w.stopped && who.exporter() && w.workers() == 0
			w.must((w.fast || last) && !who.killed, "%s: Cut is sent without a fast stop", who.identity.ID)
		default:
			w.must(false, "unknown word: %c", a.Word)
		}
	case Prepare:
		w.must(!w.stopped && a.Generation > w.latest, "generation %d after %d, stopped: %t", a.Generation, w.latest, w.stopped)
		w.latest = a.Generation
		w.prepare(a.Generation, w.limits(), 20)
	case Retire:
		w.must(w.reload != nil && !w.retired[a.Generation], "generation %d is retired twice, or without an outcome", a.Generation)
		w.retired[a.Generation] = true
	case Reloaded:
		w.latest = max(w.latest, a.Generation)
		w.must(w.retired[a.Generation] == (a.Err != nil), "generation %d is retired: %v", a.Generation, a.Err)
		for slot := 1; a.Err == nil && slot <= w.fleet.Target(); slot++ {
			holder := w.holder(place{a.Generation, handoff.Slot(slot)}, nil)
			w.must(holder != nil && w.fleet.Find(holder.serial).Phase == Ready, "a commit without a ready worker in slot %d", slot)
		}
	case Serving:
		w.must(!w.stopped && w.fleet.ready() >= w.fleet.MinReady(), "Serving with %d ready workers", w.fleet.ready())
	case Finish:
		w.must(!w.finished && len(w.unreaped) == 0, "Finish with %d workers of %d", len(w.unreaped), len(w.actors))
		w.must((w.stopped && !w.noneReady) == errors.Is(a.Err, ErrStopping), "Finish: %v", a.Err)
		w.finished = true
	case Ended:
		end, ok := e.(Exited)
		w.must(ok && w.actors[end.Serial-1].identity == a.Identity && a.Reason != "", "%s ended", a.Identity.ID)
	case Log:
	default:
		w.must(false, "unknown action: %T", a)
	}
}

// spawn starts a worker, if it may.
func (w *world) spawn(a Spawn) {
	id, g := a.Identity.ID, a.Identity.Generation
	w.must(int(a.Serial) == len(w.actors)+1, "worker %d after %d", a.Serial, len(w.actors))
	w.must(!w.stopped && w.prepared[g] && !w.retired[g], "a start of generation %d, stopped: %t", g, w.stopped)
	for _, other := range w.unreaped {
		w.must(other.identity.ID != id, "two workers have the id %s", id)
	}
	p := place{g, a.Identity.Slot}
	if other := w.holder(p, nil); other != nil {
		w.must(w.holder(p, other) == nil, "a third worker in slot %d", p.slot)
		f := w.fleet.Find(other.serial)
		w.must(f.Phase == Ready && f.Leaving != "", "%s gets a successor without a reason", id)
		w.must(w.fleet.reload == nil || other.exporter(), "%s gets a successor in a reload", id)
	}
	limits := w.fleet.limits(w.fleet.Find(a.Serial))
	actor := &actor{serial: a.Serial, identity: a.Identity, limits: limits, started: w.now}
	w.actors = append(w.actors, actor)
	w.unreaped = append(w.unreaped, actor)
	w.enliven(actor)
}

// mayEnd checks that a worker may be asked to end: a serving one only if others serve in its place, or it is no longer needed.
func (w *world) mayEnd(a *actor) {
	if a.exporter() {
		w.mayEndExporter(a)
		return
	}
	if w.fleet.Closing() || int(a.identity.Slot) > w.fleet.Target() {
		return
	}
	if r := w.reload; r != nil && (r.Err == nil) == (a.identity.Generation < r.Generation) {
		return
	}
	successor := w.holder(a.place(), a)
	w.must(successor != nil && w.fleet.Find(successor.serial).Phase == Ready, "%s is asked to end before it has a ready successor", a.identity.ID)
}

// mayEndExporter is mayEnd for an exporter, which is the last to end.
func (w *world) mayEndExporter(a *actor) {
	if w.fast || w.workers() == 0 {
		return
	}
	wanted := w.fleet.current.limits.Exporter && !a.readyAt(w).IsZero()
	if r := w.reload; r != nil && r.Err == nil && a.identity.Generation < r.Generation && !wanted {
		return
	}
	successor := w.holder(a.place(), a)
	w.must(successor != nil && !successor.readyAt(w).IsZero(), "%s is asked to end before it has a ready successor", a.identity.ID)
}

func (a *actor) readyAt(w *world) time.Time { return w.fleet.Find(a.serial).readyAt }

// workers returns how many processes have not been reaped, without exporters.
func (w *world) workers() int {
	n := 0
	for _, a := range w.unreaped {
		if !a.exporter() {
			n++
		}
	}
	return n
}

// check checks the promises that hold after each turn.
func (w *world) check(e Event) {
	w.must(len(w.fleet.workers) == len(w.unreaped), "the fleet has %d workers, not %d", len(w.fleet.workers), len(w.unreaped))
	w.most = max(w.most, w.fleet.Target())
	drained, pairs, ready := 0, 0, 0
	for _, a := range w.unreaped {
		f := w.fleet.Find(a.serial)
		w.must(!w.stopped || a.unready, "%s has not been sent Unready", a.identity.ID)
		if a.exporter() {
			w.checkExporter(a, f)
			continue
		}
		if f.Phase == Ready {
			ready++
		}
		if !f.active() {
			if f.Leaving != ReasonFewer {
				drained++
			}
			continue
		}
		if !a.leaving && f.Leaving != "" {
			a.leaving = true
			if f.served(w.now) >= servedLong {
				delete(w.early, a.place())
			}
		}
		if _, judged := e.(Tick); judged && a.limits.MaxLifetime > 0 && f.Phase == Ready && f.readyAt.Before(w.now) {
			old := w.now.Sub(f.Started) >= a.limits.MaxLifetime+a.limits.MaxLifetimeDelta
			w.must(f.Leaving != "" || !old, "%s is too old", a.identity.ID)
		}
		w.must(!w.fleet.Closing(), "%s is not asked to end", a.identity.ID)
		g := a.identity.Generation
		w.must(w.fleet.isNext(f) || g == w.fleet.Generation() && int(a.identity.Slot) <= w.fleet.Target(), "%s is left over", a.identity.ID)
		w.must(a.few == (w.fleet.ready() < w.fleet.MinReady()), "%s was informed that too few are ready: %t", a.identity.ID, a.few)
		if w.holder(a.place(), a) != nil {
			pairs++
		}
	}
	w.must(ready == w.fleet.ready(), "%d workers are ready, not %d", ready, w.fleet.ready())
	w.must(pairs <= 2, "more than one worker is replaced at the same time")
	// A reload begins while at most as many workers drain as are wanted, and then makes all of them drain; one more may be
	// replaced at that time.
	w.must(w.stopped || drained <= drainingPerWorker*w.most+1, "%d drain", drained)
	w.must(w.finished || !w.stopped || len(w.unreaped) > 0, "no finish")
}

// checkExporter checks an exporter after each turn.
func (w *world) checkExporter(a *actor, f *Worker) {
	if !f.active() {
		return
	}
	if !a.leaving && f.Leaving != "" {
		a.leaving = true
		if f.served(w.now) >= servedLong {
			delete(w.early, a.place())
		}
	}
	w.must(w.fleet.current.limits.Exporter, "%s is left over", a.identity.ID)
	w.must(a.identity.Generation == w.fleet.Generation() || f.Leaving != "", "%s is of an older generation and stays", a.identity.ID)
	w.must(!w.stopped || w.workers() > 0, "%s is not asked to end", a.identity.ID)
}

// signal sends a signal to a worker and checks that it may be sent.
func (w *world) signal(k Kill) {
	a := w.known(k.Serial)
	after := func(d time.Duration, how Exit) {
		if d >= 0 {
			w.exit(a, w.now.Add(d), how)
		}
	}
	switch k.Signal {
	case syscall.SIGTERM:
		w.must(!a.ending, "TERM for %s, which is ending", a.identity.ID)
		w.mayEnd(a)
		after(a.onTerm, Exit{})
	case syscall.SIGQUIT:
		w.must(!a.ending, "QUIT for %s, which is ending", a.identity.ID)
		after(a.onQuit, Exit{Status: 2 << 8})
	case syscall.SIGKILL:
		w.must(a.ending && !a.killed, "KILL for %s, which was not asked to end or was killed", a.identity.ID)
		a.killed = true
		after(a.onKill, Exit{Status: syscall.WaitStatus(syscall.SIGKILL)})
	default:
		w.must(false, "signal %v", k.Signal)
	}
	a.ending = true
}
