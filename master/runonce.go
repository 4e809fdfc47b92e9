package master

import (
	"time"

	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// runOnce is a command that the master runs for a generation before it starts its workers. There is at most one at a time.
type runOnce struct {
	*proc.Run
	generation handoff.Generation
	then       func(*runOnce) // called when it has exited and its output has been read
	output     []byte         // its standard output
	read       bool           // output is complete
}

// startOnce starts a command. There must be no other.
func (m *Master) startOnce(g handoff.Generation, limit time.Duration, c proc.Command, then func(*runOnce)) error {
	run, err := c.Start(func(output []byte) {
		m.send(func(m *Master) {
			m.once.output, m.once.read = output, true
			m.onceDone()
		})
	})
	if err != nil {
		return err
	}
	run.Deadline = time.Now().Add(limit)
	m.once = &runOnce{Run: run, generation: g, then: then}
	return nil
}

// onceDone continues after the command if it has exited and its output has been read.
func (m *Master) onceDone() {
	if r := m.once; !r.Running() && r.read {
		m.once = nil
		r.then(r)
	}
}

// checkOnce kills a command that takes too long or whose result is not needed any more.
func (m *Master) checkOnce(now time.Time) {
	r := m.once
	if r == nil {
		return
	}
	unwanted := r.Running() && !r.Killed() && !m.fleet.Prepares(r.generation)
	if due := r.Due(); unwanted || !due.IsZero() && !now.Before(due) {
		if err := r.GiveUp(); err != nil {
			m.log.Warn("cannot kill command", "pid", r.PID, "error", err)
		}
	}
}
