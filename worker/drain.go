package worker

import (
	"errors"
	"fmt"
	"time"

	"multiproc/worker/handoff"
)

// cutGrace is how long handlers whose requests were cut may take to return. Those that heed their context need less.
const cutGrace = time.Second

// errCut is the cause with which the contexts of requests end that are cut.
var errCut = errors.New("the worker ends")

// CutError is returned by Run when not all could be answered before the drain's deadline, or the master or
// Config.Hurry did not want to wait.
type CutError struct {
	Requests int // that were being handled, hijacked connections included
}

// Error is one line, with the number of requests.
func (e *CutError) Error() string {
	return fmt.Sprintf("drain: requests cut: %d", e.Requests)
}

// drain answers what has come, and lets nothing more come.
func (s *server) drain(reason error) error {
	log := s.cfg.Logger
	deadline := time.NewTimer(s.cfg.DrainTimeout)
	defer deadline.Stop()
	s.health.draining.Store(true) // every answer from now on is the last one on its connection
	started := s.recycle.started.Load()
	handled := s.requests()
	log.Info("draining", "reason", reason, "requests", handled)
	s.herald.stopping.Store(true)
	s.herald.announce(handoff.Notice{Stopping: true, Status: "draining"})

	for _, l := range s.listeners {
		l.drain()
	}
	for _, c := range s.open() {
		c.drain()
	}
	drained := s.whenDrained()
	cut := 0
	select {
	case <-drained:
	case <-deadline.C:
		cut = s.cut(drained)
	case <-s.hurry:
		cut = s.cut(drained)
	}
	s.cutRequests(errCut) // of which there are none
	handled += int(s.recycle.started.Load() - started)
	log.Info("drained", "requests", handled-cut, "cut", cut)

	if failed, ok := errors.AsType[*listenError](reason); ok {
		return failed
	}
	if cut > 0 {
		return &CutError{cut}
	}
	return nil
}

// whenDrained is closed when no listener and no connection is left.
func (s *server) whenDrained() <-chan struct{} {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.accepting.Wait()
		<-s.whenEmpty()
	}()
	return drained
}

// cut ends what the drain has not, and returns how many requests that were.
func (s *server) cut(drained <-chan struct{}) int {
	requests := s.requests()
	for _, c := range s.open() {
		c.cutOff() // first: a handler that then returns with nothing written has not answered
	}
	s.cutRequests(errCut)
	_ = s.http.Close() // the listeners, and what net/http knows of
	s.accepting.Wait() // so that no more connections come
	for _, c := range s.open() {
		_ = c.close() // also the hijacked ones, and those with a last word to say
	}
	grace := time.NewTimer(cutGrace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C:
		for _, c := range s.open() {
			s.cfg.Logger.Error("a handler does not return though its request was cut", "remote", c.RemoteAddr().String())
			c.abandon()
		}
		<-drained
	}
	return requests
}

// requests is how many requests are being handled.
func (s *server) requests() int {
	n := 0
	for _, c := range s.open() {
		if c.busy() {
			n++
		}
	}
	return n
}
