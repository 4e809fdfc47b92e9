package fleet

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"multiproc/worker/handoff"
)

// Event is something that has happened to the fleet.
type Event interface {
	apply(f *Fleet, now time.Time)
}

type (
	// Tick is the passing of time. Deadlines are judged by it alone: the edge lets it happen when all has been read that
	// came before, for the notice that a worker is judged by may lie behind another's.
	Tick struct{}
	// Paused is the passing of time in which the master itself did not run: it knows nothing of that time. It happens
	// before whatever is read afterwards, whose deadlines it would move too.
	Paused struct{ By time.Duration }
	// Noticed is a worker's notice.
	Noticed struct {
		Serial Serial
		Notice handoff.Notice
	}
	// Exited is the end of a worker, or that it could not be started; nothing more is done to it.
	Exited struct {
		Serial Serial
		Exit   Exit
	}
	// Measured is what a worker has of anonymous memory, in bytes.
	Measured struct {
		Serial Serial
		Anon   uint64
	}
	// Resized is TTIN or TTOU.
	Resized struct{ By int }
)

func (Tick) apply(f *Fleet, now time.Time) {
	for _, w := range slices.Clone(f.workers) {
		f.checkDeadlines(now, w)
	}
}

func (e Paused) apply(f *Fleet, _ time.Time) {
	f.log(slog.LevelWarn, "the master was stopped for a while: deadlines are moved", "by", e.By)
	for _, w := range f.workers {
		w.shift(e.By)
	}
}

func (e Noticed) apply(f *Fleet, now time.Time) {
	w := f.Find(e.Serial)
	if w == nil {
		return
	}
	n := e.Notice
	if n.Alive || !w.lastSeen.IsZero() {
		w.lastSeen = now
	}
	if n.Status != "" {
		w.Status = n.Status
	}
	if n.Ready && w.Phase == Starting {
		f.becameReady(now, w)
	}
	if n.Stopping {
		f.markForReplacement(now, w, ReasonRequests)
	}
	if n.Stuck {
		f.markForReplacement(now, w, ReasonStuck)
	}
}

func (e Measured) apply(f *Fleet, now time.Time) {
	w := f.Find(e.Serial)
	if w == nil {
		return
	}
	if limit := f.limits(w).MaxAnon; limit > 0 && e.Anon > limit {
		f.markForReplacement(now, w, ReasonMemory)
	}
}

func (e Resized) apply(f *Fleet, _ time.Time) {
	if f.stop != nil {
		return
	}
	if f.Target()+e.By < 1 {
		f.log(slog.LevelWarn, "one worker is the fewest")
		return
	}
	f.extra += e.By
	f.log(slog.LevelInfo, "number of workers changed until the next reload", "workers", f.Target())
}

func (e Exited) apply(f *Fleet, now time.Time) {
	w := f.Find(e.Serial)
	if w == nil {
		return
	}
	f.remove(w)
	why := w.endReason(e.Exit)
	f.emit(Ended{w.Serial, w.Identity, why, e.Exit})
	if f.stop != nil {
		f.stop.ended(w, e.Exit)
	}
	level, message := slog.LevelInfo, "worker ended"
	if why == ReasonCrash {
		level, message = slog.LevelError, "worker ended by itself"
	}
	f.log(level, message, w.attrs("how", e.Exit.String(), "reason", why, "age", now.Sub(w.Started))...)
	switch {
	case !w.active():
	case f.isNext(w):
		f.failReload(now, w, fmt.Errorf("worker %s %s", w.Identity.ID, e.Exit))
	case w.Identity.Generation == f.current.number:
		f.backoff(w.Identity.Slot).died(now, w.served(now))
	}
}

func (f *Fleet) remove(w *Worker) {
	f.workers = slices.DeleteFunc(f.workers, func(other *Worker) bool { return other == w })
}
