package fleet

import (
	"errors"
	"log/slog"
	"time"

	"multiproc/worker/handoff"
)

// ErrNoneReady is the reason to finish if no worker became ready at the start.
var ErrNoneReady = errors.New("no worker became ready")

// ErrStopping is the reason to finish after a stop was requested.
var ErrStopping = errors.New("the master is stopping")

// stop ends the master: it makes the workers unready, after a delay it drains them, and waits for their exits. The exporter is
// drained then, so that the last values can be scraped.
type stop struct {
	begin        time.Time // when the workers must drain; zero once they do
	why          error     // ErrStopping or ErrNoneReady
	drained, cut int       // number of workers that finished their requests, and that did not
	finished     bool
}

// StopRequested is a request by a signal or the control socket. A second one makes the stop fast.
type StopRequested struct{ Fast bool }

func (e StopRequested) apply(f *Fleet, now time.Time) {
	again := f.stop != nil
	if !again {
		f.log(slog.LevelInfo, "stopping", "fast", e.Fast, "workers", f.unreaped())
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

// stopNoneReady ends a master that has no worker and never had a ready one.
func (f *Fleet) stopNoneReady(now time.Time) {
	f.log(slog.LevelError, ErrNoneReady.Error())
	f.beginStop(now, ErrNoneReady)
	f.stop.begin = time.Time{}
}

// stopFast makes the workers cancel their requests.
func (f *Fleet) stopFast(now time.Time) {
	f.stop.begin = time.Time{}
	for _, w := range f.workers {
		if w.Phase == Ending {
			continue
		}
		f.cut(w)
		if w.active() {
			f.drain(now, w, ReasonStop, fastMercy)
		}
		w.hurry(now.Add(fastMercy))
	}
}

// cut makes a worker cancel its requests.
func (f *Fleet) cut(w *Worker) {
	w.cut = true
	f.emit(Send{w.Serial, handoff.Cut})
}

// advanceStop continues the stop as far as possible.
func (f *Fleet) advanceStop(now time.Time) {
	if f.stop == nil && f.cold && f.lastSerial > 0 && f.unreaped() == 0 {
		f.stopNoneReady(now)
	}
	if f.stop == nil {
		return
	}
	if begin := f.stop.begin; !begin.IsZero() && !now.Before(begin) {
		f.stop.begin = time.Time{}
		for _, w := range f.workers {
			if w.isExporter() {
				continue
			}
			if w.active() {
				f.drain(now, w, ReasonStop, f.current.limits.StopMercy)
			}
			w.hurry(now.Add(f.current.limits.StopMercy))
		}
	}
	if f.unreaped() == 0 {
		f.drainExporter(now)
	}
	if len(f.workers) == 0 && !f.stop.finished {
		f.stop.finished, f.stop.begin = true, time.Time{}
		f.log(slog.LevelInfo, "stopped", "workers_drained", f.stop.drained, "workers_cut", f.stop.cut)
		f.emit(Finish{f.stop.why})
	}
}

// ended counts the end of a worker.
func (s *stop) ended(w *Worker, e Exit) {
	switch {
	case w.isExporter(), w.readyAt.IsZero(): // it had no requests of users
	case w.Phase == Draining && e.byTerm():
		s.drained++
	default:
		s.cut++
	}
}
