package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"multiproc/worker/handoff"
)

func (w *world) must(holds bool, format string, args ...any) {
	if !holds {
		panic(broken(fmt.Sprintf(format, args...)))
	}
}

// silence returns when a worker will have been silent for too long.
func (a *actor) silence() time.Time {
	if a.phase != Ready || a.limits.Heartbeat == 0 || a.seen.IsZero() {
		return time.Time{}
	}
	return a.seen.Add(a.limits.Heartbeat)
}

// turn passes an event to the fleet, performs the actions, and checks the promises.
func (w *world) turn(e Event) {
	if w.trace != nil {
		fmt.Fprintf(w.trace, "%12v  %T%+v\n", w.now.Sub(w.began), e, e)
	}
	wasFinished := w.finished
	expected := w.expect(e)
	actions := w.fleet.Handle(w.now, e)
	if w.trace != nil {
		for _, a := range actions {
			fmt.Fprintf(w.trace, "%12s    -> %T%+v\n", "", a, a)
		}
	}
	var r result
	for _, a := range actions {
		if a, ok := a.(Reloaded); ok {
			w.must(!r.reloaded, "two reloads end at once")
			r.reloaded, r.committed, r.generation, r.culprit = true, a.Err == nil, a.Generation, a.Culprit
		}
	}
	for _, a := range actions {
		if _, ok := a.(Log); !ok {
			w.must(!wasFinished, "after the end: %T%+v", a, a)
		}
		w.do(a, e, &r)
	}
	w.check(&r, expected)
}

// result is the result of a turn.
type result struct {
	reloaded, committed bool
	generation          handoff.Generation // of the reload
	culprit             Serial
	spawned             []place
	quit, killed        []*actor
	prepared, serving   bool
	ended               bool
}

// expectation is the required result of an event.
type expectation struct {
	ending, killing []*actor // workers that must get QUIT, or KILL
	start           *place   // must be filled at once
	prepare         bool
	all             bool   // workers must be started in all slots
	culprit         *actor // the reload must be rolled back because of it
	ended           bool   // a worker has exited
	judged          bool   // deadlines are judged
}

// expect updates the model for an event and returns what must follow.
func (w *world) expect(e Event) (x expectation) {
	switch e := e.(type) {
	case Tick:
		x.judged = true
		due := func(t time.Time) bool { return !t.IsZero() && !t.After(w.now) }
		for _, a := range w.unreaped {
			switch {
			case a.phase == Starting && due(a.deadline) && !a.limits.Notifies:
				w.becomeReady(a)
			case a.phase == Starting && due(a.deadline), due(a.silence()):
				x.ending = append(x.ending, a)
			case a.phase > Ready && due(a.deadline):
				x.killing = append(x.killing, a)
			}
		}
	case Paused:
		for _, a := range w.unreaped {
			if !a.deadline.IsZero() {
				a.deadline = a.deadline.Add(e.By)
			}
			if !a.seen.IsZero() {
				a.seen = a.seen.Add(e.By)
			}
		}
	case Noticed:
		a := w.actors[e.Serial-1]
		if a.reaped {
			break
		}
		if e.Notice.Alive || !a.seen.IsZero() {
			a.seen = w.now
		}
		if e.Notice.Ready && a.phase == Starting {
			w.becomeReady(a)
		}
		if e.Notice.Stopping || e.Notice.Stuck {
			w.mayLeave(a)
		}
	case Measured:
		a := w.actors[e.Serial-1]
		if !a.reaped && a.limits.MaxAnon > 0 && e.Anon > a.limits.MaxAnon {
			w.mayLeave(a)
		}
	case Resized:
		if !w.stopped && w.target()+e.By >= 1 {
			w.extra += e.By
			w.most = max(w.most, w.target())
		}
	case ReloadRequested:
		if !w.stopped {
			x.prepare = w.next.number == 0 && w.everReady && w.count(func(a *actor) bool { return !a.active() }) <= w.target()
			w.waiting = true
		}
	case Prepared:
		if e.Generation == 1 && !w.opened && !w.shut && !w.stopped {
			w.opened, w.shut = e.Err == nil, e.Err != nil
			x.all = w.opened
		}
		if w.preparing && e.Generation == w.next.number {
			w.preparing = false
			w.prepared, w.next.limits = e.Err == nil, e.Limits
			w.most = max(w.most, e.Limits.Workers)
		}
	case StopRequested:
		if !w.stopped {
			w.stopped, w.asked, w.begin = true, w.now, w.now.Add(w.current.limits.ShutdownDelay)
			w.waiting = false
		} else {
			w.fast = true
		}
		w.fast = w.fast || e.Fast
	case Exited:
		if a := w.actors[e.Serial-1]; a.active() && a.identity.Generation == w.next.number {
			x.culprit = a
		}
		x.start = w.reap(e)
		x.ended = true
	}
	if _, ok := e.(StopRequested); ok && w.fast {
		w.begun = true
		w.hurry(w.now.Add(fastMercy))
	}
	if w.stopped && !w.begun && !w.begin.After(w.now) {
		w.begun = true
		w.hurry(w.now.Add(w.current.limits.StopMercy))
	}
	return x
}

// hurry brings the deadlines of draining workers forward.
func (w *world) hurry(latest time.Time) {
	for _, a := range w.unreaped {
		if a.phase == Draining && latest.Before(a.deadline) {
			a.deadline = latest
		}
	}
}

func (w *world) becomeReady(a *actor) {
	a.phase, a.readyAt, a.deadline = Ready, w.now, time.Time{}
	w.everReady = true
}

// mayLeave records a reason to replace a worker.
func (w *world) mayLeave(a *actor) {
	if a.phase != Ready || a.cause {
		return
	}
	a.cause = true
	if w.now.Sub(a.readyAt) >= servedLong {
		delete(w.early, a.place())
	}
}

func (a *actor) served(now time.Time) time.Duration {
	if a.readyAt.IsZero() {
		return 0
	}
	return now.Sub(a.readyAt)
}

// reap records an exit and returns the slot that must be filled at once, if any.
func (w *world) reap(e Exited) *place {
	a := w.actors[e.Serial-1]
	a.reaped = true
	w.unreaped = slices.DeleteFunc(w.unreaped, func(other *actor) bool { return other == a })
	if !a.active() {
		return nil
	}
	w.failed(a)
	p := a.place()
	alone := !slices.ContainsFunc(w.unreaped, func(other *actor) bool { return other.active() && other.place() == p })
	if w.stopped || p.generation != w.current.number || int(p.slot) > w.target() || a.served(w.now) < servedWell || !alone {
		return nil
	}
	return &p
}

// failed records a worker that exited without being asked to. A slot whose workers die early must not be started more than ten times
// in a minute.
func (w *world) failed(a *actor) {
	p := a.place()
	if a.served(w.now) >= servedWell {
		delete(w.early, p)
		return
	}
	if !w.everReady {
		w.dead[p.slot] = true
	}
	starts := append(w.early[p], a.started)
	w.early[p] = starts
	if n := len(starts); n > 10 && !w.stopped {
		w.must(starts[n-1].Sub(starts[n-11]) >= time.Minute, "slot %d: more than 10 starts in %v", p.slot, starts[n-1].Sub(starts[n-11]))
	}
}

// do performs an action and checks that it is allowed.
func (w *world) do(a Action, e Event, r *result) {
	switch a := a.(type) {
	case Spawn:
		w.spawn(a, r)
	case Kill:
		w.signal(a, r)
	case Send:
		who := w.known(a.Serial)
		switch a.Word {
		case handoff.Few, handoff.Enough:
			who.few = a.Word == handoff.Few
		case handoff.Unready:
			w.must(w.stopped && !who.unready, "%s: Unready is sent again, or without a stop", who.identity.ID)
			who.unready = true
		case handoff.Cut:
			w.must(w.fast && who.phase <= Draining, "%s: Cut is sent without a fast stop", who.identity.ID)
		default:
			w.must(false, "unknown word: %c", a.Word)
		}
	case Prepare:
		w.must(w.everReady && !w.stopped, "a reload before any worker was ready, or after a stop")
		w.must(w.next.number == 0, "two reloads at the same time")
		w.must(a.Generation > w.latest, "generation %d after %d", a.Generation, w.latest)
		w.must(w.waiting, "a reload that was not requested")
		w.must(w.count(func(a *actor) bool { return !a.active() }) <= w.target(), "a reload while too many workers drain")
		w.latest, w.next.number = a.Generation, a.Generation
		w.preparing, w.prepared, w.waiting = true, false, false
		r.prepared = true
		w.prepare(settings{a.Generation, w.limits()}, 20)
	case Retire:
		w.must(!w.retired[a.Generation], "generation %d is retired twice", a.Generation)
		w.retired[a.Generation] = true
		w.must(r.reloaded, "generation %d is retired without an outcome", a.Generation)
		if r.committed {
			w.must(a.Generation == w.current.number, "generation %d is retired after a commit", a.Generation)
		} else {
			w.must(a.Generation == r.generation, "generation %d is retired after a roll-back", a.Generation)
		}
	case Reloaded:
		w.reloaded(a)
	case Serving:
		w.must(!w.stopped, "Serving after a stop")
		r.serving = true
	case Finish:
		w.must(!w.finished && len(w.unreaped) == 0, "Finish with %d workers of %d", len(w.unreaped), len(w.actors))
		if w.stopped {
			w.must(errors.Is(a.Err, ErrStopping), "Finish: %v", a.Err)
		} else {
			w.must(errors.Is(a.Err, ErrNoneReady) && w.inVain(), "Finish: %v", a.Err)
		}
		w.finished = true
	case Ended:
		end, ok := e.(Exited)
		w.must(ok && w.actors[end.Serial-1].identity == a.Identity && a.Reason != "" && !r.ended, "%s ended", a.Identity.ID)
		r.ended = true
	case Log:
	default:
		w.must(false, "unknown action: %T", a)
	}
}

// spawn starts a worker, if it may.
func (w *world) spawn(a Spawn, r *result) {
	w.must(int(a.Serial) == len(w.actors)+1, "worker %d after %d", a.Serial, len(w.actors))
	w.must(w.opened, "a start before the first generation is prepared")
	w.must(!w.stopped && !w.finished, "a start after a stop")
	for _, other := range w.unreaped {
		w.must(other.identity.ID != a.Identity.ID, "two workers have the id %s", a.Identity.ID)
	}
	w.must(!w.retired[a.Identity.Generation], "a start of the retired generation %d", a.Identity.Generation)
	p := place{a.Identity.Generation, a.Identity.Slot}
	limits := w.current.limits
	switch p.generation {
	case w.current.number:
		w.mayStart(p)
	case w.next.number:
		w.must(w.prepared, "a start of generation %d, which is not prepared", p.generation)
		limits = w.next.limits
		w.must(p.slot >= 1 && int(p.slot) <= limits.Workers, "slot %d of %d", p.slot, limits.Workers)
		w.must(w.holder(p, nil) == nil, "a second worker in slot %d of the next generation", p.slot)
		begun := w.count(func(a *actor) bool { return a.identity.Generation == p.generation && a.phase == Starting })
		served := w.count(func(a *actor) bool { return a.identity.Generation == p.generation && a.phase == Ready })
		w.must(served > 0 || begun == 0, "a second start before the first one of a generation is ready")
		w.must(limits.Starting == 0 || begun < limits.Starting, "%d workers start at the same time", begun+1)
	default:
		w.must(false, "a start of generation %d", p.generation)
	}
	actor := &actor{serial: a.Serial, identity: a.Identity, limits: limits, started: w.now}
	actor.deadline = w.now.Add(limits.StartTimeout)
	if !limits.Notifies {
		actor.deadline = w.now.Add(unnotifiedReady)
	}
	w.actors = append(w.actors, actor)
	w.unreaped = append(w.unreaped, actor)
	r.spawned = append(r.spawned, p)
	w.enliven(actor)
}

// mayStart checks a start in the current generation.
func (w *world) mayStart(p place) {
	w.must(p.slot >= 1 && int(p.slot) <= w.target(), "slot %d of %d", p.slot, w.target())
	w.must(w.everReady || !w.dead[p.slot], "slot %d is tried again before any worker was ready", p.slot)
	other := w.holder(p, nil)
	if other == nil {
		return
	}
	w.must(w.holder(p, other) == nil, "a third worker in slot %d", p.slot)
	w.look(other)
	w.must(other.phase == Ready && other.cause, "%s gets a successor without a reason", other.identity.ID)
	w.must(w.next.number == 0, "%s gets a successor during a reload", other.identity.ID)
	for _, a := range w.unreaped {
		if a.active() && a.place() != p && a.identity.Generation == p.generation {
			w.must(w.holder(a.place(), a) == nil, "two workers are replaced at the same time")
		}
	}
	w.must(w.count(func(a *actor) bool { return !a.active() }) < drainingPerWorker*w.target(), "a successor while too many workers drain")
}

// mayEnd returns how long a worker that is asked to end may take, and checks that it may be asked: a serving one only if others do its
// work, or if it is not wanted any more.
func (w *world) mayEnd(a *actor, r *result) time.Duration {
	g, limits := a.identity.Generation, w.current.limits
	atEnd := time.Hour
	if w.fast {
		atEnd = fastMercy
	} else if w.begun {
		atEnd = limits.StopMercy
	}
	switch {
	case r.reloaded && !r.committed && g == r.generation:
		return min(a.limits.ReloadMercy, atEnd)
	case w.begun:
		return atEnd
	case r.committed && g == w.current.number && w.fleet.Find(a.serial).Leaving == ReasonReload: // not just before
		return w.next.limits.ReloadMercy
	}
	w.must(g == w.current.number, "%s of the next generation is asked to end", a.identity.ID)
	if int(a.identity.Slot) > w.target() {
		a.fewer = true
		return limits.ReloadMercy
	}
	w.look(a)
	successor := w.holder(a.place(), a)
	w.must(a.phase == Ready && a.cause, "%s is asked to end without a reason", a.identity.ID)
	w.must(successor != nil && successor.phase == Ready, "%s is asked to end before it has a ready successor", a.identity.ID)
	return limits.ReloadMercy
}

// look takes over from the fleet which workers have reached their maximum age, which the fleet determines at random.
func (w *world) look(a *actor) {
	f := w.fleet.Find(a.serial)
	if f == nil || f.Leaving != ReasonLifetime || a.cause {
		return
	}
	w.must(a.limits.MaxLifetime > 0 && w.now.Sub(a.started) >= a.limits.MaxLifetime, "%s is too young to be replaced", a.identity.ID)
	w.mayLeave(a)
}

func (w *world) reloaded(a Reloaded) {
	if w.next.number == 0 { // it has not begun to read the settings
		w.must(a.Err != nil && (w.stopped || !w.everReady) && a.Generation > w.latest, "a result of generation %d", a.Generation)
		w.latest, w.waiting = a.Generation, false
		return
	}
	w.must(a.Generation == w.next.number, "a result of generation %d", a.Generation)
	w.must(w.retired[w.current.number] == (a.Err == nil) && w.retired[a.Generation] == (a.Err != nil), "the wrong generation is retired")
	if a.Culprit != 0 {
		w.must(a.Err != nil && w.actors[a.Culprit-1].identity.Generation == a.Generation, "culprit %d", a.Culprit)
	}
	if a.Err == nil {
		for slot := 1; slot <= w.next.limits.Workers; slot++ {
			holder := w.holder(place{a.Generation, handoff.Slot(slot)}, nil)
			w.must(holder != nil && holder.phase == Ready, "a commit without a ready worker in slot %d", slot)
		}
		w.current, w.extra = w.next, 0
	}
	w.next, w.prepared, w.preparing = settings{}, false, false
}

// check checks all promises after a turn.
func (w *world) check(r *result, x expectation) {
	w.must(len(w.fleet.workers) == len(w.unreaped), "the fleet has %d workers, not %d", len(w.fleet.workers), len(w.unreaped))
	drained, pairs, readies := 0, 0, 0
	for _, a := range w.unreaped {
		f := w.fleet.Find(a.serial)
		w.must(f != nil && f.Phase == a.phase, "%s is %s", a.identity.ID, a.phase)
		g := a.identity.Generation
		switch {
		case a.active():
			w.must(!w.begun, "%s is not asked to end", a.identity.ID)
			w.must(g == w.current.number || g == w.next.number, "%s of generation %d is left over", a.identity.ID, g)
			w.must(g != w.current.number || int(a.identity.Slot) <= w.target(), "%s is beyond the target", a.identity.ID)
			if w.holder(a.place(), a) != nil {
				pairs++
			}
		case a.phase == Draining && !a.fewer:
			drained++
		}
		if a.phase == Ready {
			readies++
			if x.judged {
				w.look(a)
				grown := a.limits.MaxLifetime > 0 && w.now.Sub(a.started) >= a.limits.MaxLifetime+a.limits.MaxLifetimeDelta && a.readyAt.Before(w.now)
				w.must(a.cause || !grown, "%s is too old", a.identity.ID)
			}
			w.must((f.Leaving != "") == a.cause, "%s is to be replaced: %q", a.identity.ID, f.Leaving)
		}
		w.must(!w.stopped || a.unready, "%s has not been sent Unready", a.identity.ID)
	}
	w.must(pairs <= 2, "more than one worker is replaced at the same time")
	// A reload begins while at most as many workers drain as are wanted, and then makes all of them drain; one more may be
	// replaced at that time.
	w.must(w.stopped || drained <= drainingPerWorker*w.most+1, "%d drain", drained)
	w.checkJudgement(r, x)
	w.checkWords(r, readies)
	if x.start != nil {
		w.must(slices.Contains(r.spawned, *x.start), "slot %d is not filled at once", x.start.slot)
	}
	w.must(r.prepared || !x.prepare, "the reload does not begin")
	w.must(r.ended == x.ended, "an exit is reported: %t", r.ended)
	if a := x.culprit; a != nil {
		w.must(r.reloaded && !r.committed && r.culprit == a.serial, "the reload continues without %s", a.identity.ID)
	}
	w.must(!x.all || len(r.spawned) == w.target(), "%d are started instead of %d", len(r.spawned), w.target())
	if len(w.unreaped) == 0 && (w.stopped || w.inVain()) {
		w.must(w.finished, "no finish")
	}
}

// inVain reports whether no worker can become ready any more, if none is running.
func (w *world) inVain() bool { return w.shut || !w.everReady && len(w.actors) > 0 }

// checkJudgement checks that exactly the workers that had to be were ended by force.
func (w *world) checkJudgement(r *result, x expectation) {
	for _, a := range x.ending {
		w.must(a.phase > Ready, "%s is not ended", a.identity.ID)
	}
	for _, a := range r.quit {
		w.must(slices.Contains(x.ending, a), "QUIT for %s", a.identity.ID)
	}
	for _, a := range x.killing {
		w.must(slices.Contains(r.killed, a), "%s is not killed", a.identity.ID)
	}
	w.must(x.judged || len(r.quit)+len(r.killed) == 0, "deadlines are judged without a tick")
	if !w.stopped && w.everReady {
		for _, a := range r.quit { // a worker that is ended by force does not hold its slot
			if p := a.place(); p.generation == w.current.number && a.served(w.now) >= servedWell && int(p.slot) <= w.target() {
				w.must(w.holder(p, a) != nil, "slot %d waits for %s to end", p.slot, a.identity.ID)
			}
		}
	}
}

// checkWords checks that workers were informed whether MinReady workers are ready.
func (w *world) checkWords(r *result, readies int) {
	few := readies < min(max(1, w.current.limits.MinReady), w.target())
	w.must(r.serving == (w.few && !few && !w.stopped), "serving: %t, few before: %t, now: %t", r.serving, w.few, few)
	w.few = few
	for _, a := range w.unreaped {
		w.must(!a.active() || a.few == few, "%s was informed that too few are ready: %t", a.identity.ID, a.few)
	}
}
