package master

import (
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// fleet is everything that the master decides from: its workers, and what is under way with them. It knows no
// processes and no clock: events come in with the time that they happened at, actions come out, and the same events
// give the same actions.
type fleet struct {
	random  *rand.Rand
	current generation
	extra   int                       // workers more or fewer than the settings say, by TTIN and TTOU
	failing map[handoff.Slot]*backoff // of the current generation
	workers []*worker                 // all that live, the oldest first
	last    serial                    // given to a worker
	latest  handoff.Generation        // the last number that was tried
	reload  *reload                   // nil: none under way
	again   bool                      // another reload is to follow
	stop    *stop                     // nil: the master goes on
	begun   bool                      // the first generation may start its workers
	cold    bool                      // no worker has ever been ready
	few     bool                      // fewer than MinReady are ready
	actions []action                  // of the event being handled
}

// generation is one set of settings that workers run with.
type generation struct {
	number handoff.Generation
	limits Limits
}

func newFleet(limits Limits, random *rand.Rand) *fleet {
	return &fleet{
		random:  random,
		current: generation{1, limits},
		latest:  1,
		failing: map[handoff.Slot]*backoff{},
		cold:    true,
		few:     true,
	}
}

// handle is the only way in: it lets an event happen and gives what is to be done about it, in order.
func (f *fleet) handle(now time.Time, e event) []action {
	f.actions = nil
	e.happen(f, now)
	f.settle(now)
	return f.actions
}

// settle does what is due, whatever has happened.
func (f *fleet) settle(now time.Time) {
	f.settleStop(now)
	f.settleReload(now)
	f.fill(now)
	f.roll()
}

func (f *fleet) do(a action) { f.actions = append(f.actions, a) }

func (f *fleet) note(level slog.Level, message string, args ...any) {
	f.do(note{level, message, args})
}

// target is how many workers the current generation is to have.
func (f *fleet) target() int { return max(1, f.current.limits.Workers+f.extra) }

// limits are those that a worker was started with.
func (f *fleet) limits(w *worker) Limits {
	if f.reload != nil && w.identity.Generation == f.reload.next.number {
		return f.reload.next.limits
	}
	return f.current.limits
}

func (f *fleet) find(s serial) *worker {
	for _, w := range f.workers {
		if w.serial == s {
			return w
		}
	}
	return nil
}

// count is how many workers are as asked for.
func (f *fleet) count(is func(*worker) bool) int {
	n := 0
	for _, w := range f.workers {
		if is(w) {
			n++
		}
	}
	return n
}

// holders are the active workers of a generation in a slot: none, one, or one and its successor.
func (f *fleet) holders(g handoff.Generation, slot handoff.Slot) []*worker {
	var found []*worker
	for _, w := range f.workers {
		if w.active() && w.identity.Generation == g && w.identity.Slot == slot {
			found = append(found, w)
		}
	}
	return found
}

func (f *fleet) draining() int {
	return f.count(func(w *worker) bool { return !w.active() })
}

// fill starts what is missing in the current generation: a worker in each empty slot, and one successor at a time.
func (f *fleet) fill(now time.Time) {
	if f.stop != nil || !f.begun {
		return
	}
	f.shrink(now)
	for slot := handoff.Slot(1); int(slot) <= f.target(); slot++ {
		if from, wanted := f.vacant(slot); wanted && !now.Before(from) {
			f.start(now, f.current, slot)
		}
	}
}

// vacant reports whether a slot of the current generation wants one more worker, and from when on it may have it.
func (f *fleet) vacant(slot handoff.Slot) (from time.Time, wanted bool) {
	from = f.backoff(slot).notBefore
	holders := f.holders(f.current.number, slot)
	switch {
	case len(holders) == 0:
		return from, !f.gaveUp(slot)
	case len(holders) == 1 && holders[0].leaving != "" && f.mayRecycle():
		// Who wants to leave as soon as it has come is to be no way around the backoff.
		if served := holders[0].readyAt.Add(servedWell); served.After(from) {
			from = served
		}
		return from, true
	}
	return time.Time{}, false
}

// empty are the slots without a worker that are to get one, and from when on they may.
func (f *fleet) empty() iter.Seq2[handoff.Slot, time.Time] {
	return func(yield func(handoff.Slot, time.Time) bool) {
		if f.stop != nil || !f.begun {
			return
		}
		for slot := handoff.Slot(1); int(slot) <= f.target(); slot++ {
			from, wanted := f.vacant(slot)
			if wanted && len(f.holders(f.current.number, slot)) == 0 && !yield(slot, from) {
				return
			}
		}
	}
}

// gaveUp is true in a slot whose worker died before any worker of the master was ever ready. Trying again is for whoever
// started the master, who is told so by its exit code.
func (f *fleet) gaveUp(slot handoff.Slot) bool { return f.cold && f.backoff(slot).deaths > 0 }

// shrink lets go of workers in slots that are no more.
func (f *fleet) shrink(now time.Time) {
	for _, w := range f.workers {
		if w.active() && w.identity.Generation == f.current.number && int(w.identity.Slot) > f.target() {
			f.drain(now, w, forFewer, f.current.limits.ReloadMercy)
		}
	}
}

func (f *fleet) backoff(slot handoff.Slot) *backoff {
	if f.failing[slot] == nil {
		f.failing[slot] = &backoff{}
	}
	return f.failing[slot]
}

// start adds a worker.
func (f *fleet) start(now time.Time, g generation, slot handoff.Slot) {
	f.last++
	w := &worker{
		serial:   f.last,
		identity: handoff.Identity{Slot: slot, ID: f.freeID(slot), Generation: g.number},
		started:  now,
		deadline: now.Add(g.limits.StartTimeout),
	}
	if !g.limits.Notifies {
		w.deadline = now.Add(unnotifiedReady)
	}
	if g.limits.MaxLifetime > 0 {
		w.due = now.Add(g.limits.MaxLifetime + f.jitter(g.limits.MaxLifetimeDelta))
	}
	f.workers = append(f.workers, w)
	f.do(spawn{w.serial, w.identity})
	if f.few {
		f.do(tell{w.serial, handoff.Few})
	}
}

func (f *fleet) jitter(delta time.Duration) time.Duration {
	if delta <= 0 {
		return 0
	}
	return time.Duration(f.random.Int64N(int64(delta)))
}

// freeID is the id of a new worker in a slot: the slot's own, or with a suffix while others still have that.
func (f *fleet) freeID(slot handoff.Slot) string {
	base := "w" + strconv.Itoa(int(slot))
	id := base
	for n := 1; slices.ContainsFunc(f.workers, func(w *worker) bool { return w.identity.ID == id }); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

// judge does what is due with one worker.
func (f *fleet) judge(now time.Time, w *worker) {
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case w.phase == starting && due(w.deadline) && !f.limits(w).Notifies:
		f.becameReady(now, w)
	case w.phase == starting && due(w.deadline):
		f.note(slog.LevelError, "worker is not ready in time", w.describe("start_timeout", f.limits(w).StartTimeout)...)
		f.end(now, w, forTimeout)
	case w.phase == ready && f.silent(now, w):
		f.note(slog.LevelError, "worker gives no sign of life", w.describe("heartbeat_timeout", f.limits(w).Heartbeat)...)
		f.end(now, w, forSilence)
	case w.phase == ready && due(w.due):
		w.due = time.Time{}
		f.leave(now, w, forLifetime)
	case w.phase >= draining && due(w.deadline):
		w.phase, w.deadline = ending, time.Time{}
		f.note(slog.LevelWarn, "worker is killed", w.describe("reason", w.leaving)...)
		f.do(kill{w.serial, syscall.SIGKILL})
	}
}

// silent reports whether a worker that used to give signs of life has given none for too long.
func (f *fleet) silent(now time.Time, w *worker) bool {
	limit := f.limits(w).Heartbeat
	return limit > 0 && !w.seen.IsZero() && now.Sub(w.seen) >= limit
}

// drain asks a worker to end when it has done what it is at, and bounds that.
func (f *fleet) drain(now time.Time, w *worker, why reason, mercy time.Duration) {
	w.phase, w.leaving, w.deadline = draining, why, now.Add(mercy)
	f.do(kill{w.serial, syscall.SIGTERM})
}

// end ends a worker that does not do as it should, once it has written down what it is at instead.
func (f *fleet) end(now time.Time, w *worker, why reason) {
	if f.coming(w) {
		f.failReload(now, w, fmt.Errorf("worker %s: %s", w.identity.ID, why))
	} else if w.identity.Generation == f.current.number {
		f.backoff(w.identity.Slot).died(now, w.served(now))
	}
	w.phase, w.leaving, w.deadline = ending, why, now.Add(dumpTime)
	f.do(kill{w.serial, syscall.SIGQUIT})
}

func (f *fleet) becameReady(now time.Time, w *worker) {
	w.phase, w.readyAt, w.deadline = ready, now, time.Time{}
	f.cold = false
	f.note(slog.LevelInfo, "worker is ready", w.describe("after", now.Sub(w.started))...)
	for _, other := range f.holders(w.identity.Generation, w.identity.Slot) {
		if other != w && other.leaving != "" {
			f.drain(now, other, other.leaving, f.limits(other).ReloadMercy)
		}
	}
}

// roll tells the workers whether enough of them are ready, where that has changed.
func (f *fleet) roll() {
	few := f.ready() < f.minReady()
	if few == f.few {
		return
	}
	f.few = few
	word := handoff.Enough
	if few {
		word = handoff.Few
	} else if f.stop == nil { // the end is not taken back
		f.do(serving{})
	}
	for _, w := range f.workers {
		if w.active() {
			f.do(tell{w.serial, word})
		}
	}
}

// minReady is how many must be ready for any to be. With fewer workers than that by TTOU, all of them.
func (f *fleet) minReady() int { return min(max(1, f.current.limits.MinReady), f.target()) }

func (f *fleet) ready() int {
	return f.count(func(w *worker) bool { return w.phase == ready })
}

// wake is when something is due next if nothing happens; zero: never.
func (f *fleet) wake() time.Time {
	var next time.Time
	at := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, w := range f.workers {
		at(w.deadline)
		if w.phase != ready {
			continue
		}
		at(w.due)
		if limit := f.limits(w).Heartbeat; limit > 0 && !w.seen.IsZero() {
			at(w.seen.Add(limit))
		}
	}
	if f.stop != nil {
		at(f.stop.begin)
		return next
	}
	for slot := handoff.Slot(1); int(slot) <= f.target(); slot++ {
		if from, wanted := f.vacant(slot); wanted {
			at(from)
		}
	}
	return next
}
