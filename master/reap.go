package master

import (
	"errors"
	"syscall"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
)

// reap reaps all children that have exited, also those that this process has inherited as PID 1.
func (m *Master) reap() {
	for pid, ok := proc.ExitedChild(); ok; pid, ok = proc.ExitedChild() {
		s, worker := m.pids[pid]
		if worker {
			m.killGroup(m.children[s])
		}
		m.hooks.Exited(pid, m.workerID(s))
		status, err := proc.Reap(pid)
		if err != nil {
			m.log.Error("cannot reap child", "pid", pid, "error", err)
			return
		}
		exit := fleet.Exit{Status: status}
		switch {
		case worker:
			m.release(pid, s, exit)
		case m.once != nil && m.once.PID == pid:
			m.once.Exited(exit, time.Now())
			m.onceDone()
		default:
			m.log.Debug("orphan reaped", "pid", pid)
		}
	}
}

// workerID returns the id of a worker that has not been reaped, or "".
func (m *Master) workerID(s fleet.Serial) string {
	if c := m.children[s]; c != nil {
		return c.Identity.ID
	}
	return ""
}

// killGroup kills what a dead worker has started and left behind, which may have its sockets. Until the worker is reaped, no
// other process can have its process group.
func (m *Master) killGroup(c *child) {
	if err := c.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		m.log.Warn("cannot kill process group of worker", "worker", c.Identity.ID, "error", err)
	}
}

// release closes what the master has of a worker that has been reaped.
func (m *Master) release(pid int, s fleet.Serial, exit fleet.Exit) {
	c := m.children[s]
	delete(m.pids, pid)
	delete(m.children, s)
	if err := c.Close(); err != nil {
		m.log.Warn("cannot close descriptors of worker", "worker", c.Identity.ID, "error", err)
	}
	timeout := ""
	if w := m.fleet.Find(s); w != nil && w.Leaving == fleet.ReasonStartTimeout {
		timeout = m.fleet.WhyLeaving(w)
	}
	if !c.Identity.IsExporter() { // an exporter's exit never ends the master or a reload
		m.keepExit(exited{s, exit, timeout, c.Stderr})
	}
	m.handle(fleet.Exited{Serial: s, Exit: exit})
}
