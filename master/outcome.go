package master

import (
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// Outcome is the result of a reload.
type Outcome struct {
	OK         bool               `json:"ok"`              // it was committed
	Generation handoff.Generation `json:"generation"`      // the one that serves now; 0: the master stops
	Error      string             `json:"error,omitempty"` // why it was rolled back
}

// callers wait for reloads: active ones for a reload that has begun to read the settings, queued ones for the next. Each channel
// has room for its outcome.
type callers struct {
	active, queued []chan<- Outcome
}

// begin makes the queued callers wait for the reload that begins now.
func (c *callers) begin() {
	c.active, c.queued = append(c.active, c.queued...), nil
}

func answer(callers []chan<- Outcome, o Outcome) {
	for _, c := range callers {
		c <- o
	}
}

// reloaded ends a reload.
func (m *Master) reloaded(r fleet.Reloaded) {
	m.manager.ready()
	m.hooks.Reloaded(r.Err)
	if m.fleet.Stopping() {
		m.callers.begin() // no other reload follows
	}
	waiting := m.callers.active
	m.callers.active = nil
	status := ReloadStatus{Began: r.Began, Took: time.Since(r.Began), Generation: r.Generation, Outcome: Committed}
	if r.Err == nil {
		m.log.Info("reload committed", "generation", int(r.Generation))
		m.watch(m.launches[r.Generation].plan)
		m.history.reloaded(status)
		answer(waiting, Outcome{OK: true, Generation: r.Generation})
		return
	}
	outcome := Outcome{Generation: m.fleet.Generation(), Error: proc.Plain(r.Err.Error())}
	if m.fleet.Stopping() {
		outcome.Generation = 0
	}
	status.Outcome, status.Error = RolledBack, outcome.Error
	m.history.reloaded(status)
	log := m.log
	report := func() {
		log.Error("reload rolled back", "generation", int(r.Generation), "error", outcome.Error)
		answer(waiting, outcome)
	}
	stderr := m.stderr(r.Culprit)
	if stderr == nil {
		report()
		return
	}
	go func() {
		if line := stderr.FirstError(); line != "" {
			outcome.Error += ": " + line
			// Before the callers are answered, which may read the history next.
			m.send(func(m *Master) {
				m.history.explain(r.Generation, outcome.Error)
				m.publish()
			})
		}
		report()
	}()
}
