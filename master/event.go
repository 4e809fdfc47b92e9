package master

import (
	"fmt"
	"log/slog"
	"slices"
	"time"

	"multiproc/worker/handoff"
)

// event is something that has happened to the fleet.
type event interface {
	happen(f *fleet, now time.Time)
}

type (
	// tick is the passing of time. Deadlines are judged by it alone: the edge lets it happen when all has been read that
	// came before, for the notice that a worker is judged by may lie behind another's.
	tick struct{}
	// paused is the passing of time in which the master itself did not run: it knows nothing of that time. It happens
	// before whatever is read afterwards, whose deadlines it would move too.
	paused struct{ by time.Duration }
	// noticed is a worker's notice.
	noticed struct {
		serial serial
		notice handoff.Notice
	}
	// exited is the end of a worker, or that it could not be started; nothing more is done to it.
	exited struct {
		serial serial
		how    exit
	}
	// measured is what a worker has of anonymous memory, in bytes.
	measured struct {
		serial serial
		anon   uint64
	}
	// resized is TTIN or TTOU.
	resized struct{ by int }
)

func (tick) happen(f *fleet, now time.Time) {
	for _, w := range slices.Clone(f.workers) {
		f.judge(now, w)
	}
}

func (e paused) happen(f *fleet, _ time.Time) {
	f.note(slog.LevelWarn, "the master was stopped for a while: deadlines are moved", "by", e.by)
	for _, w := range f.workers {
		w.shift(e.by)
	}
}

func (e noticed) happen(f *fleet, now time.Time) {
	w := f.find(e.serial)
	if w == nil {
		return
	}
	n := e.notice
	if n.Alive || !w.seen.IsZero() {
		w.seen = now
	}
	if n.Status != "" {
		w.status = printable(n.Status)
	}
	if n.Ready && w.phase == starting {
		f.becameReady(now, w)
	}
	if n.Stopping {
		f.leave(now, w, forRequests)
	}
	if n.Stuck {
		f.leave(now, w, forStuck)
	}
}

func (e measured) happen(f *fleet, now time.Time) {
	w := f.find(e.serial)
	if w == nil {
		return
	}
	if limit := f.limits(w).MaxAnon; limit > 0 && e.anon > limit {
		f.leave(now, w, forMemory)
	}
}

func (e resized) happen(f *fleet, _ time.Time) {
	if f.stop != nil {
		return
	}
	if f.target()+e.by < 1 {
		f.note(slog.LevelWarn, "one worker is the fewest")
		return
	}
	f.extra += e.by
	f.note(slog.LevelInfo, "number of workers changed until the next reload", "workers", f.target())
}

func (e exited) happen(f *fleet, now time.Time) {
	w := f.find(e.serial)
	if w == nil {
		return
	}
	f.remove(w)
	why := w.endReason(e.how)
	f.do(ended{w.serial, w.identity, why, e.how})
	if f.stop != nil {
		f.stop.ended(w, e.how)
	}
	level, message := slog.LevelInfo, "worker ended"
	if why == forCrash {
		level, message = slog.LevelError, "worker ended by itself"
	}
	f.note(level, message, w.describe("how", e.how.String(), "reason", why, "age", now.Sub(w.started))...)
	switch {
	case !w.active():
	case f.coming(w):
		f.failReload(now, w, fmt.Errorf("worker %s %s", w.identity.ID, e.how))
	case w.identity.Generation == f.current.number:
		f.backoff(w.identity.Slot).died(now, w.served(now))
	}
}

func (f *fleet) remove(w *worker) {
	f.workers = slices.DeleteFunc(f.workers, func(other *worker) bool { return other == w })
}
