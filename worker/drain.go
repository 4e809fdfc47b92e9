package worker

import (
	"errors"
	"fmt"
	"time"

	"multiproc/worker/handoff"
)

// cutGrace is the time that handlers have to return after their requests were cut. Those that follow their context need less.
const cutGrace = time.Second

// errCut is the cause of the contexts of requests that are cut.
var errCut = errors.New("worker is stopping")

// CutError is returned by Run if it did not wait for the answers to all requests: because Limits.DrainTimeout passed, or because
// the master or Config.FastStop did not allow more time.
type CutError struct {
	Requests int // that were being handled, hijacked connections included
}

// Error is one line, with the number of requests.
func (e *CutError) Error() string {
	return fmt.Sprintf("drain: requests cut: %d", e.Requests)
}

// drain answers what has arrived, and accepts nothing new.
func (s *server) drain(reason error) error {
	log := s.cfg.Logger
	deadline := time.NewTimer(s.limits.DrainTimeout)
	defer deadline.Stop()
	s.health.draining.Store(true) // from now on every answer is the last one on its connection
	started := s.started.Load()
	handled := s.countBusy()
	log.Info("draining", "reason", reason, "requests", handled)
	s.notify.stopping.Store(true)
	s.notify.send(handoff.Notice{Stopping: true, Status: "draining"})

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
	case <-s.fastStop:
		cut = s.cut(drained)
	}
	s.cutRequests(errCut) // none is left; this releases the context
	handled += int(s.started.Load() - started)
	log.Info("drained", "requests", handled-cut, "cut", cut)

	if failed, ok := errors.AsType[*listenError](reason); ok {
		return failed
	}
	if cut > 0 {
		return &CutError{cut}
	}
	return nil
}

// whenDrained returns a channel that is closed when no listener and no connection is left.
func (s *server) whenDrained() <-chan struct{} {
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		s.accepting.Wait()
		<-s.whenEmpty()
	}()
	return drained
}

// cut ends the requests that the drain did not wait for, and returns their number.
func (s *server) cut(drained <-chan struct{}) int {
	requests := s.countBusy()
	for _, c := range s.open() {
		c.detach() // first: a handler that now returns without having written must not answer
	}
	s.cutRequests(errCut)
	_ = s.http.Close() // listeners, and the connections that net/http has
	s.accepting.Wait() // so that no connection is added
	for _, c := range s.open() {
		_ = c.close() // hijacked ones as well, and those that are being answered
	}
	grace := time.NewTimer(cutGrace)
	defer grace.Stop()
	select {
	case <-drained:
	case <-grace.C:
		for _, c := range s.open() {
			s.cfg.Logger.Error("handler does not return although its request was cut", "remote", c.RemoteAddr().String())
			c.abandon()
		}
		<-drained
	}
	return requests
}

// countBusy returns how many requests are being handled.
func (s *server) countBusy() int {
	n := 0
	for _, c := range s.open() {
		if c.busy() {
			n++
		}
	}
	return n
}
