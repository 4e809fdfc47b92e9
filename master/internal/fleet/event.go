package fleet

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"multiproc/worker/handoff"
)

// Event is something that has happened. It is one of the types below, or ReloadRequested, Prepared or StopRequested.
type Event interface {
	apply(f *Fleet, now time.Time)
}

type (
	// Tick is the passing of time. Only a tick judges deadlines, and the master sends it when it has handled all pending
	// messages: the notice that a worker is judged by may be behind the notice of another.
	Tick struct{}
	// Paused is the passing of time in which the master itself did not run and read no notices. It must come before the events
	// that are handled after the pause, since it would move their deadlines too.
	Paused struct{ By time.Duration }
	// Noticed is a notice of a worker.
	Noticed struct {
		Serial Serial
		Notice handoff.Notice
	}
	// Exited is the end of a worker, or the failure to start it.
	Exited struct {
		Serial Serial
		Exit   Exit
	}
	// Measured is the anonymous memory of a worker, in bytes.
	Measured struct {
		Serial Serial
		Anon   uint64
	}
	// Resized changes the number of workers until the next reload: TTIN or TTOU.
	Resized struct{ By int }
)

func (Tick) apply(f *Fleet, now time.Time) {
	for _, w := range slices.Clone(f.workers) {
		f.checkDeadlines(now, w)
	}
}

func (e Paused) apply(f *Fleet, _ time.Time) {
	f.log(slog.LevelWarn, "master was paused, deadlines moved", "by", e.By)
	for _, w := range f.workers {
		w.delay(e.By)
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
		f.log(slog.LevelWarn, "cannot go below one worker")
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
	level, message := slog.LevelInfo, "worker exited"
	if why == ReasonCrash {
		level, message = slog.LevelError, "worker exited unexpectedly"
	}
	f.log(level, message, w.attrs("how", e.Exit.String(), "reason", why, "age", now.Sub(w.Started))...)
	switch {
	case !w.active():
	case f.isNext(w):
		f.failReload(now, w, fmt.Errorf("worker %s %s", w.Identity.ID, e.Exit))
	case w.Identity.Generation == f.current.number:
		f.recordDeath(now, w)
	}
}

func (f *Fleet) remove(w *Worker) {
	f.workers = slices.DeleteFunc(f.workers, func(other *Worker) bool { return other == w })
}
