package master

import (
	"time"

	"multiproc/worker/handoff"
)

// Outcome is how a reload went.
type Outcome struct {
	OK         bool               `json:"ok"`              // it was committed
	Generation handoff.Generation `json:"generation"`      // the one that serves on; 0: the master stops
	Error      string             `json:"error,omitempty"` // why it was taken back
}

// callers wait for reloads: those whose reload has begun to read the settings, and those whose has not.
type callers struct {
	active, queued []chan<- Outcome
}

// add takes a channel with room for one outcome.
func (c *callers) add(answer chan<- Outcome) { c.queued = append(c.queued, answer) }

// begin moves those who wait for a reload that begins now.
func (c *callers) begin() {
	c.active, c.queued = append(c.active, c.queued...), nil
}

// take hands over those whose reload has ended.
func (c *callers) take() []chan<- Outcome {
	active := c.active
	c.active = nil
	return active
}

func (c *callers) answerAll(o Outcome) {
	c.begin()
	answer(c.take(), o)
}

func answer(callers []chan<- Outcome, o Outcome) {
	for _, c := range callers {
		c <- o
	}
}

// reloaded ends a reload.
func (m *Master) reloaded(r reloaded) {
	m.manager.ready()
	m.hooks.reloaded(r.failed)
	waiting := m.callers.take()
	status := ReloadStatus{Began: r.began, Took: time.Since(r.began), Generation: r.generation, Outcome: Committed}
	if r.failed == nil {
		m.log.Info("reloaded", "generation", int(r.generation))
		m.watch(m.launches[r.generation].plan.Watch)
		m.history.reloaded(status)
		answer(waiting, Outcome{OK: true, Generation: r.generation})
		return
	}
	outcome := Outcome{Generation: m.fleet.current.number, Error: plain(r.failed.Error())}
	if m.fleet.stop != nil {
		outcome.Generation = 0
	}
	status.Outcome, status.Error = RolledBack, outcome.Error
	m.history.reloaded(status)
	log := m.log
	tell := func() {
		log.Error("reload taken back, the workers go on as they were", "generation", int(r.generation), "error", outcome.Error)
		answer(waiting, outcome)
	}
	stderr := m.stderr(r.culprit)
	if stderr == nil {
		tell()
		return
	}
	go func() {
		if line := stderr.firstError(); line != "" {
			outcome.Error += ": " + line
			// Before anybody is answered, who may look at the history next.
			m.send(func(m *Master) {
				m.history.explain(r.generation, outcome.Error)
				m.publish()
			})
		}
		tell()
	}()
}
