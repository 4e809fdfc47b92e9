package fleet

import (
	"errors"
	"log/slog"
	"time"

	"multiproc/worker/handoff"
)

// stop is the end of the master: unready, after a delay no more new requests, and then it waits for its workers.
type stop struct {
	begin        time.Time // when the workers are to drain; zero once they do
	why          error     // errStopping, ErrNoneReady
	drained, cut int       // workers that came to their end by themselves, and that did not
	finished     bool
}

// ErrNoneReady is what Run returns where no worker became ready at the start.
var ErrNoneReady = errors.New("no worker became ready")

var ErrStopping = errors.New("the master is stopping")

// StopRequested comes from a signal or the control socket. Asked a second time, it is to be fast.
type StopRequested struct{ Fast bool }

func (e StopRequested) apply(f *Fleet, now time.Time) {
	again := f.stop != nil
	if !again {
		f.log(slog.LevelInfo, "stopping", "fast", e.Fast, "workers", len(f.workers))
		f.beginStop(now, ErrStopping)
	}
	if e.Fast || again {
		f.stopFast(now)
	}
}

func (f *Fleet) beginStop(now time.Time, why error) {
	f.stop = &stop{begin: now.Add(f.current.limits.ShutdownDelay), why: why}
	f.reloadAgain = false
	if f.reload != nil {
		f.failReload(now, nil, why)
	}
	for _, w := range f.workers {
		f.emit(Send{w.Serial, handoff.Unready})
	}
}

// stopNoneReady is the end of a master that has no worker, and never had one that was ready.
func (f *Fleet) stopNoneReady(now time.Time) {
	f.log(slog.LevelError, ErrNoneReady.Error())
	f.beginStop(now, ErrNoneReady)
	f.stop.begin = time.Time{}
}

// stopFast gives workers no time for what they are at.
func (f *Fleet) stopFast(now time.Time) {
	f.stop.begin = time.Time{}
	for _, w := range f.workers {
		if w.Phase == Ending {
			continue
		}
		f.emit(Send{w.Serial, handoff.Cut})
		if w.active() {
			f.drain(now, w, ReasonStop, fastMercy)
		}
		w.hurry(now.Add(fastMercy))
	}
}

// advanceStop goes on with the stop as far as it can.
func (f *Fleet) advanceStop(now time.Time) {
	if f.stop == nil && f.cold && f.lastSerial > 0 && len(f.workers) == 0 {
		f.stopNoneReady(now)
	}
	if f.stop == nil {
		return
	}
	if begin := f.stop.begin; !begin.IsZero() && !now.Before(begin) {
		f.stop.begin = time.Time{}
		for _, w := range f.workers {
			if w.active() {
				f.drain(now, w, ReasonStop, f.current.limits.StopMercy)
			}
			w.hurry(now.Add(f.current.limits.StopMercy))
		}
	}
	if len(f.workers) == 0 && !f.stop.finished {
		f.stop.finished, f.stop.begin = true, time.Time{} // nobody is left to wait for
		f.log(slog.LevelInfo, "stopped", "workers_drained", f.stop.drained, "workers_cut", f.stop.cut)
		f.emit(Finish{f.stop.why})
	}
}

// hurry brings the deadline of a draining worker forward.
func (w *Worker) hurry(latest time.Time) {
	if w.Phase == Draining && latest.Before(w.deadline) {
		w.deadline = latest
	}
}

// ended counts how a worker came to its end.
func (s *stop) ended(w *Worker, how Exit) {
	switch {
	case w.readyAt.IsZero(): // it had no requests
	case w.Phase == Draining && how.asRequested():
		s.drained++
	default:
		s.cut++
	}
}
