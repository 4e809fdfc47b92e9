package worker

import (
	"context"
	"errors"
	"os"

	"multiproc/worker/handoff"
)

// Why a worker stops that is not to wait for its requests.
var (
	errToldToCut = errors.New("told to cut by the master")
	errHurry     = errors.New("told to hurry")
)

// listenToMaster does what the master says until its end, which stops the worker, or the lifeline's.
func (s *server) listenToMaster(lifeline *handoff.Lifeline, stop context.CancelCauseFunc) {
	for {
		word, err := lifeline.Next()
		if errors.Is(err, os.ErrClosed) {
			return
		}
		if err != nil { // io.EOF; and with any other fault the master is as good as gone
			s.health.supervised.Store(false)
			stop(handoff.ErrMasterGone)
			return
		}
		switch word {
		case handoff.Unready:
			s.health.toldUnready.Store(true)
		case handoff.Few:
			s.health.fewReady.Store(true)
		case handoff.Enough:
			s.health.fewReady.Store(false)
		case handoff.Reopen:
			s.reopen()
		case handoff.Cut:
			s.waitForNothing()
			stop(errToldToCut)
		}
	}
}

// heedHurry does what Config.Hurry says, until the worker has ended.
func (s *server) heedHurry(ended <-chan struct{}, stop context.CancelCauseFunc) {
	select {
	case <-s.cfg.Hurry:
		s.waitForNothing()
		stop(errHurry)
	case <-ended:
	}
}

func (s *server) waitForNothing() { s.hurryOnce.Do(func() { close(s.hurry) }) }

func (s *server) reopen() {
	if s.cfg.Reopen == nil {
		return
	}
	if err := s.cfg.Reopen(); err != nil {
		s.cfg.Logger.Error("cannot reopen the log", "error", err)
	}
}
