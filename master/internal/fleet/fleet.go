// Package fleet makes every decision of a master: which workers to start, replace and end, and when.
//
// Decisions are functions of state, event and time. There are no processes and no clock here: events come in with the time at
// which they happened, actions come out, and the same events give the same actions. The master performs the actions.
package fleet

import (
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

// Fleet holds the workers of a master, and its exporter, and the reload or the stop that is in progress. It belongs to one goroutine.
type Fleet struct {
	random         *rand.Rand
	current        generation
	extra          int                       // workers more or fewer than the settings say, by TTIN and TTOU
	backoffs       map[handoff.Slot]*backoff // of the current generation
	workers        []*Worker                 // not reaped, the oldest first; exporters included
	lastSerial     Serial                    // of the latest worker
	lastGeneration handoff.Generation        // the latest one that was tried
	reload         *reload                   // nil: none is in progress
	reloadAgain    bool                      // another reload must follow
	stop           *stop                     // nil: the master does not stop
	begun          bool                      // the first generation may start its workers
	cold           bool                      // no worker has ever been ready
	belowMinReady  bool                      // fewer than MinReady workers are ready
	actions        []Action                  // of the event being handled
}

// New returns a fleet without workers. The first generation, number 1, starts them after it was Prepared.
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

// Handle applies an event and returns the actions to perform, in order. Nothing else changes a fleet.
func (f *Fleet) Handle(now time.Time, e Event) []Action {
	f.actions = nil
	e.apply(f, now)
	f.advance(now)
	return f.actions
}

// advance does everything that has become possible or due.
func (f *Fleet) advance(now time.Time) {
	f.advanceStop(now)
	f.advanceReload(now)
	f.fill(now)
	f.announceReadiness()
}

// Generation returns the number of the generation that serves.
func (f *Fleet) Generation() handoff.Generation { return f.current.number }

// Workers returns the workers and exporters that have not been reaped, the oldest first. They must not be changed.
func (f *Fleet) Workers() []*Worker { return f.workers }

// Reload returns the number of the next generation and when its reload began, if a reload is in progress.
func (f *Fleet) Reload() (next handoff.Generation, began time.Time, ok bool) {
	if f.reload == nil {
		return 0, time.Time{}, false
	}
	return f.reload.next.number, f.reload.began, true
}

// Stopping reports whether the master stops.
func (f *Fleet) Stopping() bool { return f.stop != nil }

// Closing reports whether the master stops and its workers drain, so that it must not accept connections any more.
func (f *Fleet) Closing() bool { return f.stop != nil && f.stop.begin.IsZero() }

// Target returns the wanted number of workers of the current generation.
func (f *Fleet) Target() int { return max(1, f.current.limits.Workers+f.extra) }

// MinReady returns how many workers must be ready for any to count as ready: all of them if TTOU has left fewer than the limit.
func (f *Fleet) MinReady() int { return min(max(1, f.current.limits.MinReady), f.Target()) }

// Find returns a worker that has not been reaped, or nil.
func (f *Fleet) Find(s Serial) *Worker {
	for _, w := range f.workers {
		if w.Serial == s {
			return w
		}
	}
	return nil
}

// Vacancies returns the empty slots that will get a worker, and the earliest time of its start.
func (f *Fleet) Vacancies() iter.Seq2[handoff.Slot, time.Time] {
	return func(yield func(handoff.Slot, time.Time) bool) {
		if f.stop != nil || !f.begun {
			return
		}
		for _, slot := range f.slots() {
			from, wanted := f.vacant(slot)
			if wanted && len(f.holders(f.current.number, slot)) == 0 && !yield(slot, from) {
				return
			}
		}
	}
}

// Wake returns the time of the next deadline; zero: there is none.
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
	for _, slot := range f.slots() {
		if from, wanted := f.vacant(slot); wanted {
			at(from)
		}
	}
	return next
}

func (f *Fleet) emit(a Action) { f.actions = append(f.actions, a) }

func (f *Fleet) log(level slog.Level, message string, args ...any) {
	f.emit(Log{level, message, args})
}

// limits returns the limits that a worker was started with.
func (f *Fleet) limits(w *Worker) Limits {
	switch {
	case w.isExporter():
		return f.current.limits.forExporter()
	case f.isNext(w):
		return f.reload.next.limits
	}
	return f.current.limits
}

// count returns how many workers match. Exporters do not count.
func (f *Fleet) count(matches func(*Worker) bool) int {
	n := 0
	for _, w := range f.workers {
		if !w.isExporter() && matches(w) {
			n++
		}
	}
	return n
}

func (f *Fleet) ready() int { return f.count(func(w *Worker) bool { return w.Phase == Ready }) }

func (f *Fleet) unreaped() int { return f.count(func(*Worker) bool { return true }) }

func (f *Fleet) draining() int { return f.count(func(w *Worker) bool { return !w.active() }) }

// holders returns the active workers of a generation in a slot: none, one, or one and its successor. The exporter serves any
// generation.
func (f *Fleet) holders(g handoff.Generation, slot handoff.Slot) []*Worker {
	var found []*Worker
	for _, w := range f.workers {
		if w.active() && (w.Identity.Generation == g || w.isExporter()) && w.Identity.Slot == slot {
			found = append(found, w)
		}
	}
	return found
}

// checkDeadlines does what is due with one worker.
func (f *Fleet) checkDeadlines(now time.Time, w *Worker) {
	due := func(t time.Time) bool { return !t.IsZero() && !now.Before(t) }
	switch {
	case w.Phase == Starting && due(w.deadline) && !f.limits(w).Notifies:
		f.becameReady(now, w)
	case w.Phase == Starting && due(w.deadline):
		limits := f.limits(w)
		attrs := w.attrs("start_timeout", limits.StartTimeout)
		if limits.StartHint != "" {
			attrs = append(attrs, "hint", limits.StartHint)
		}
		f.log(slog.LevelError, "worker not ready in time", attrs...)
		f.end(now, w, ReasonStartTimeout)
	case w.Phase == Ready && f.silent(now, w):
		f.log(slog.LevelError, "no heartbeat from worker", w.attrs("heartbeat_timeout", f.limits(w).Heartbeat)...)
		f.end(now, w, ReasonSilent)
	case w.Phase == Ready && due(w.replaceAt):
		w.replaceAt = time.Time{}
		f.markForReplacement(now, w, ReasonLifetime)
	case w.Phase == Draining && due(w.deadline) && f.stop != nil && f.unreaped() == 0 && !w.cut:
		w.deadline = now.Add(fastMercy)
		f.cut(w) // it is the exporter, and a scraper keeps its connection open
	case w.Phase >= Draining && due(w.deadline):
		w.Phase, w.deadline = Ending, time.Time{}
		f.log(slog.LevelWarn, "killing worker", w.attrs("reason", w.Leaving)...)
		f.emit(Kill{w.Serial, syscall.SIGKILL})
	}
}

// WhyLeaving returns why a worker is being replaced or ends, for messages; empty if it is not.
func (f *Fleet) WhyLeaving(w *Worker) string { return f.limits(w).explain(w.Leaving) }

// silent reports whether a worker that used to send heartbeats has sent none for too long.
func (f *Fleet) silent(now time.Time, w *Worker) bool {
	limit := f.limits(w).Heartbeat
	return limit > 0 && !w.lastSeen.IsZero() && now.Sub(w.lastSeen) >= limit
}

func (f *Fleet) becameReady(now time.Time, w *Worker) {
	w.Phase, w.readyAt, w.deadline = Ready, now, time.Time{}
	f.cold = f.cold && w.isExporter()
	f.log(slog.LevelInfo, "worker is ready", w.attrs("after", now.Sub(w.Started))...)
	for _, other := range f.holders(w.Identity.Generation, w.Identity.Slot) {
		if other != w && other.Leaving != "" {
			f.drain(now, other, other.Leaving, f.limits(other).ReloadMercy)
		}
	}
}

// drain asks a worker to finish its requests and exit, within mercy.
func (f *Fleet) drain(now time.Time, w *Worker, why Reason, mercy time.Duration) {
	w.Phase, w.Leaving, w.deadline = Draining, why, now.Add(mercy)
	f.emit(Kill{w.Serial, syscall.SIGTERM})
}

// end kills a worker that misbehaves, after it had time for a goroutine dump.
func (f *Fleet) end(now time.Time, w *Worker, why Reason) {
	if f.isNext(w) {
		f.failReload(now, w, fmt.Errorf("worker %s: %s", w.Identity.ID, f.limits(w).explain(why)))
	} else if w.Identity.Generation == f.current.number {
		f.recordDeath(now, w)
	}
	w.Phase, w.Leaving, w.deadline = Ending, why, now.Add(dumpTime)
	f.emit(Kill{w.Serial, syscall.SIGQUIT})
}

// announceReadiness informs the workers when the number of ready workers falls below MinReady or reaches it.
func (f *Fleet) announceReadiness() {
	few := f.ready() < f.MinReady()
	if few == f.belowMinReady {
		return
	}
	f.belowMinReady = few
	word := handoff.Enough
	if few {
		word = handoff.Few
	} else if f.stop == nil { // a stop is final
		f.emit(Serving{})
	}
	for _, w := range f.workers {
		if w.active() {
			f.emit(Send{w.Serial, word})
		}
	}
}
