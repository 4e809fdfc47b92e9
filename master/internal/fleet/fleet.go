package fleet

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

// Fleet is everything that the master decides from: its workers, and what is under way with them. It knows no
// processes and no clock: events come in with the time that they happened at, actions come out, and the same events
// give the same actions.
type Fleet struct {
	random         *rand.Rand
	current        generation
	extra          int                       // workers more or fewer than the settings say, by TTIN and TTOU
	backoffs       map[handoff.Slot]*backoff // of the current generation
	workers        []*Worker                 // all that live, the oldest first
	lastSerial     Serial                    // given to a worker
	lastGeneration handoff.Generation        // the last number that was tried
	reload         *reload                   // nil: none under way
	reloadAgain    bool                      // another reload is to follow
	stop           *stop                     // nil: the master goes on
	begun          bool                      // the first generation may start its workers
	cold           bool                      // no worker has ever been ready
	belowMinReady  bool                      // fewer than MinReady are ready
	actions        []Action                  // of the event being handled
}

// generation is one set of settings that workers run with.
type generation struct {
	number handoff.Generation
	limits Limits
}

func New(limits Limits, random *rand.Rand) *Fleet {
	return &Fleet{
		random:         random,
		current:        generation{1, limits},
		lastGeneration: 1,
		backoffs:       map[handoff.Slot]*backoff{},
		cold:           true,
		belowMinReady:  true,
	}
}

// Handle is the only way in: it lets an event happen and gives what is to be done about it, in order.
func (f *Fleet) Handle(now time.Time, e Event) []Action {
	f.actions = nil
	e.apply(f, now)
	f.advance(now)
	return f.actions
}

// advance does what is due, whatever has happened.
func (f *Fleet) advance(now time.Time) {
	f.advanceStop(now)
	f.advanceReload(now)
	f.fill(now)
	f.announceReadiness()
}

// Generation is that of the generation that serves.
func (f *Fleet) Generation() handoff.Generation { return f.current.number }

// Workers are the workers that have not been reaped, the oldest first. They must not be changed.
func (f *Fleet) Workers() []*Worker { return f.workers }

// Reload is the reload that is under way, if there is one.
func (f *Fleet) Reload() (next handoff.Generation, began time.Time, ok bool) {
	if f.reload == nil {
		return 0, time.Time{}, false
	}
	return f.reload.next.number, f.reload.began, true
}

// Stopping reports whether the master stops.
func (f *Fleet) Stopping() bool { return f.stop != nil }

// Closing reports whether a stop has come so far that no new connections are to be taken.
func (f *Fleet) Closing() bool { return f.stop != nil && f.stop.begin.IsZero() }

func (f *Fleet) emit(a Action) { f.actions = append(f.actions, a) }

func (f *Fleet) log(level slog.Level, message string, args ...any) {
	f.emit(Log{level, message, args})
}

// Target is how many workers the current generation is to have.
func (f *Fleet) Target() int { return max(1, f.current.limits.Workers+f.extra) }

// limits are those that a worker was started with.
func (f *Fleet) limits(w *Worker) Limits {
	if f.reload != nil && w.Identity.Generation == f.reload.next.number {
		return f.reload.next.limits
	}
	return f.current.limits
}

func (f *Fleet) Find(s Serial) *Worker {
	for _, w := range f.workers {
		if w.Serial == s {
			return w
		}
	}
	return nil
}

// count is how many workers are as asked for.
func (f *Fleet) count(is func(*Worker) bool) int {
	n := 0
	for _, w := range f.workers {
		if is(w) {
			n++
		}
	}
	return n
}

// holders are the active workers of a generation in a slot: none, one, or one and its successor.
func (f *Fleet) holders(g handoff.Generation, slot handoff.Slot) []*Worker {
	var found []*Worker
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == g && w.Identity.Slot == slot {
			found = append(found, w)
		}
	}
	return found
}

func (f *Fleet) draining() int {
	return f.count(func(w *Worker) bool { return !w.active() })
}

// fill starts what is missing in the current generation: a worker in each empty slot, and one successor at a time.
func (f *Fleet) fill(now time.Time) {
	if f.stop != nil || !f.begun {
		return
	}
	f.shrink(now)
	for slot := handoff.Slot(1); int(slot) <= f.Target(); slot++ {
		if from, wanted := f.vacant(slot); wanted && !now.Before(from) {
			f.start(now, f.current, slot)
		}
	}
}

// vacant reports whether a slot of the current generation wants one more worker, and from when on it may have it.
func (f *Fleet) vacant(slot handoff.Slot) (from time.Time, wanted bool) {
	from = f.backoff(slot).notBefore
	holders := f.holders(f.current.number, slot)
	switch {
	case len(holders) == 0:
		return from, !f.gaveUp(slot)
	case len(holders) == 1 && holders[0].Leaving != "" && f.mayRecycle():
		// Who wants to leave as soon as it has come is to be no way around the backoff.
		if served := holders[0].readyAt.Add(servedWell); served.After(from) {
			from = served
		}
		return from, true
	}
	return time.Time{}, false
}

// Vacancies are the slots without a worker that are to get one, and from when on they may.
func (f *Fleet) Vacancies() iter.Seq2[handoff.Slot, time.Time] {
	return func(yield func(handoff.Slot, time.Time) bool) {
		if f.stop != nil || !f.begun {
			return
		}
		for slot := handoff.Slot(1); int(slot) <= f.Target(); slot++ {
			from, wanted := f.vacant(slot)
			if wanted && len(f.holders(f.current.number, slot)) == 0 && !yield(slot, from) {
				return
			}
		}
	}
}

// gaveUp is true in a slot whose worker died before any worker of the master was ever ready. Trying again is for whoever
// started the master, who is told so by its exit code.
func (f *Fleet) gaveUp(slot handoff.Slot) bool { return f.cold && f.backoff(slot).deaths > 0 }

// shrink lets go of workers in slots that are no more.
func (f *Fleet) shrink(now time.Time) {
	for _, w := range f.workers {
		if w.active() && w.Identity.Generation == f.current.number && int(w.Identity.Slot) > f.Target() {
			f.drain(now, w, ReasonFewer, f.current.limits.ReloadMercy)
		}
	}
}

func (f *Fleet) backoff(slot handoff.Slot) *backoff {
	if f.backoffs[slot] == nil {
		f.backoffs[slot] = &backoff{}
	}
	return f.backoffs[slot]
}

// start adds a worker.
func (f *Fleet) start(now time.Time, g generation, slot handoff.Slot) {
	f.lastSerial++
	w := &Worker{
		Serial:   f.lastSerial,
		Identity: handoff.Identity{Slot: slot, ID: f.freeID(slot), Generation: g.number},
		Started:  now,
		deadline: now.Add(g.limits.StartTimeout),
	}
	if !g.limits.Notifies {
		w.deadline = now.Add(unnotifiedReady)
	}
	if g.limits.MaxLifetime > 0 {
		w.replaceAt = now.Add(g.limits.MaxLifetime + f.jitter(g.limits.MaxLifetimeDelta))
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

// freeID is the id of a new worker in a slot: the slot's own, or with a suffix while others still have that.
func (f *Fleet) freeID(slot handoff.Slot) string {
	base := "w" + strconv.Itoa(int(slot))
	id := base
	for n := 1; slices.ContainsFunc(f.workers, func(w *Worker) bool { return w.Identity.ID == id }); n++ {
		id = base + "-" + strconv.Itoa(n)
	}
	return id
}

// checkDeadlines does what is due with one worker.
func (f *Fleet) checkDeadlines(now time.Time, w *Worker) {
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case w.Phase == Starting && due(w.deadline) && !f.limits(w).Notifies:
		f.becameReady(now, w)
	case w.Phase == Starting && due(w.deadline):
		f.log(slog.LevelError, "worker is not ready in time", w.attrs("start_timeout", f.limits(w).StartTimeout)...)
		f.end(now, w, ReasonStartTimeout)
	case w.Phase == Ready && f.silent(now, w):
		f.log(slog.LevelError, "worker gives no sign of life", w.attrs("heartbeat_timeout", f.limits(w).Heartbeat)...)
		f.end(now, w, ReasonSilent)
	case w.Phase == Ready && due(w.replaceAt):
		w.replaceAt = time.Time{}
		f.markForReplacement(now, w, ReasonLifetime)
	case w.Phase >= Draining && due(w.deadline):
		w.Phase, w.deadline = Ending, time.Time{}
		f.log(slog.LevelWarn, "worker is killed", w.attrs("reason", w.Leaving)...)
		f.emit(Kill{w.Serial, syscall.SIGKILL})
	}
}

// silent reports whether a worker that used to give signs of life has given none for too long.
func (f *Fleet) silent(now time.Time, w *Worker) bool {
	limit := f.limits(w).Heartbeat
	return limit > 0 && !w.lastSeen.IsZero() && now.Sub(w.lastSeen) >= limit
}

// drain asks a worker to end when it has done what it is at, and bounds that.
func (f *Fleet) drain(now time.Time, w *Worker, why Reason, mercy time.Duration) {
	w.Phase, w.Leaving, w.deadline = Draining, why, now.Add(mercy)
	f.emit(Kill{w.Serial, syscall.SIGTERM})
}

// end ends a worker that does not do as it should, once it has written down what it is at instead.
func (f *Fleet) end(now time.Time, w *Worker, why Reason) {
	if f.isNext(w) {
		f.failReload(now, w, fmt.Errorf("worker %s: %s", w.Identity.ID, why))
	} else if w.Identity.Generation == f.current.number {
		f.backoff(w.Identity.Slot).died(now, w.served(now))
	}
	w.Phase, w.Leaving, w.deadline = Ending, why, now.Add(dumpTime)
	f.emit(Kill{w.Serial, syscall.SIGQUIT})
}

func (f *Fleet) becameReady(now time.Time, w *Worker) {
	w.Phase, w.readyAt, w.deadline = Ready, now, time.Time{}
	f.cold = false
	f.log(slog.LevelInfo, "worker is ready", w.attrs("after", now.Sub(w.Started))...)
	for _, other := range f.holders(w.Identity.Generation, w.Identity.Slot) {
		if other != w && other.Leaving != "" {
			f.drain(now, other, other.Leaving, f.limits(other).ReloadMercy)
		}
	}
}

// announceReadiness tells the workers whether enough of them are ready, where that has changed.
func (f *Fleet) announceReadiness() {
	few := f.ready() < f.MinReady()
	if few == f.belowMinReady {
		return
	}
	f.belowMinReady = few
	word := handoff.Enough
	if few {
		word = handoff.Few
	} else if f.stop == nil { // the end is not taken back
		f.emit(Serving{})
	}
	for _, w := range f.workers {
		if w.active() {
			f.emit(Send{w.Serial, word})
		}
	}
}

// MinReady is how many must be ready for any to be. With fewer workers than that by TTOU, all of them.
func (f *Fleet) MinReady() int { return min(max(1, f.current.limits.MinReady), f.Target()) }

func (f *Fleet) ready() int {
	return f.count(func(w *Worker) bool { return w.Phase == Ready })
}

// Wake is when something is due next if nothing happens; zero: never.
func (f *Fleet) Wake() time.Time {
	var next time.Time
	at := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, w := range f.workers {
		at(w.deadline)
		if w.Phase != Ready {
			continue
		}
		at(w.replaceAt)
		if limit := f.limits(w).Heartbeat; limit > 0 && !w.lastSeen.IsZero() {
			at(w.lastSeen.Add(limit))
		}
	}
	if f.stop != nil {
		at(f.stop.begin)
		return next
	}
	for slot := handoff.Slot(1); int(slot) <= f.Target(); slot++ {
		if from, wanted := f.vacant(slot); wanted {
			at(from)
		}
	}
	return next
}
