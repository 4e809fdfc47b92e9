package master

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

var errStopping = errors.New("the master is stopping")

// stopAsked comes from a signal or the control socket. Asked a second time, it is to be fast.
type stopAsked struct{ fast bool }

func (e stopAsked) happen(f *fleet, now time.Time) {
	again := f.stop != nil
	if !again {
		f.note(slog.LevelInfo, "stopping", "fast", e.fast, "workers", len(f.workers))
		f.beginStop(now, errStopping)
	}
	if e.fast || again {
		f.stopFast(now)
	}
}

func (f *fleet) beginStop(now time.Time, why error) {
	f.stop = &stop{begin: now.Add(f.current.limits.ShutdownDelay), why: why}
	f.again = false
	if f.reload != nil {
		f.failReload(now, nil, why)
	}
	for _, w := range f.workers {
		f.do(tell{w.serial, handoff.Unready})
	}
}

// stopInVain is the end of a master that has no worker, and never had one that was ready.
func (f *fleet) stopInVain(now time.Time) {
	f.note(slog.LevelError, ErrNoneReady.Error())
	f.beginStop(now, ErrNoneReady)
	f.stop.begin = time.Time{}
}

// stopFast gives workers no time for what they are at.
func (f *fleet) stopFast(now time.Time) {
	f.stop.begin = time.Time{}
	for _, w := range f.workers {
		if w.phase == ending {
			continue
		}
		f.do(tell{w.serial, handoff.Cut})
		if w.active() {
			f.drain(now, w, forStop, fastMercy)
		}
		w.hurry(now.Add(fastMercy))
	}
}

// settleStop goes on with the stop as far as it can.
func (f *fleet) settleStop(now time.Time) {
	if f.stop == nil && f.cold && f.last > 0 && len(f.workers) == 0 {
		f.stopInVain(now)
	}
	if f.stop == nil {
		return
	}
	if begin := f.stop.begin; !begin.IsZero() && !now.Before(begin) {
		f.stop.begin = time.Time{}
		for _, w := range f.workers {
			if w.active() {
				f.drain(now, w, forStop, f.current.limits.StopMercy)
			}
			w.hurry(now.Add(f.current.limits.StopMercy))
		}
	}
	if len(f.workers) == 0 && !f.stop.finished {
		f.stop.finished, f.stop.begin = true, time.Time{} // nobody is left to wait for
		f.note(slog.LevelInfo, "stopped", "workers_drained", f.stop.drained, "workers_cut", f.stop.cut)
		f.do(finish{f.stop.why})
	}
}

// hurry brings the deadline of a draining worker forward.
func (w *worker) hurry(latest time.Time) {
	if w.phase == draining && latest.Before(w.deadline) {
		w.deadline = latest
	}
}

// ended counts how a worker came to its end.
func (s *stop) ended(w *worker, how exit) {
	switch {
	case w.readyAt.IsZero(): // it had no requests
	case w.phase == draining && how.asked():
		s.drained++
	default:
		s.cut++
	}
}
