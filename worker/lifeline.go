package worker

import (
	"context"
	"errors"
	"os"

	"multiproc/worker/handoff"
)

// Causes of a stop that does not wait for requests.
var (
	errCutByMaster = errors.New("the master cuts requests")
	errFastStop    = errors.New("fast stop")
)

// obeyMaster follows the master's messages until the lifeline ends, which stops the worker.
func (s *server) obeyMaster(lifeline *handoff.Lifeline, stop context.CancelCauseFunc) {
	for {
		word, err := lifeline.Next()
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil { // io.EOF, or the lifeline is broken
			s.health.masterAlive.Store(false)
			stop(handoff.ErrMasterGone)
			return
		}
		switch word {
		case handoff.Unready:
			s.health.madeUnready.Store(true)
		case handoff.Few:
			s.health.tooFewReady.Store(true)
		case handoff.Enough:
			s.health.tooFewReady.Store(false)
		case handoff.Reopen:
			s.reopenLog()
		case handoff.Cut:
			s.stopWaiting()
			stop(errCutByMaster)
		}
	}
}

// obeyFastStop follows Config.FastStop until the worker has ended.
func (s *server) obeyFastStop(ended <-chan struct{}, stop context.CancelCauseFunc) {
	select {
	case <-s.cfg.FastStop:
		s.stopWaiting()
		stop(errFastStop)
	case <-ended:
	}
}

// stopWaiting makes the drain cut all requests.
func (s *server) stopWaiting() { s.fastStopOnce.Do(func() { close(s.fastStop) }) }

func (s *server) reopenLog() {
	if s.cfg.Reopen == nil {
		return
	}
	if err := s.cfg.Reopen(); err != nil {
		s.cfg.Logger.Error("cannot reopen the log", "error", err)
	}
}
