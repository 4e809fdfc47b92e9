package master

import (
	"errors"
	"os"
	"syscall"
	"time"

	"multiproc/worker/handoff"
)

func (m *Master) spawn(a spawn) {
	p, err := m.launches[a.identity.Generation].start(a.identity)
	if err != nil {
		m.last = err
		// Not from within the actions of another event, which are not done yet.
		go m.send(func(m *Master) { m.handle(exited{a.serial, exit{failed: err}}) })
		return
	}
	m.slots = max(m.slots, a.identity.Slot)
	p.before = m.history.started(a.identity.Slot)
	m.processes[a.serial] = p
	m.pids[p.pid] = a.serial
	m.hooks.started(a.identity)
	m.log.Info("worker started", "worker", a.identity.ID, "generation", int(a.identity.Generation), "pid", p.pid)
	go p.stderr.pass(os.Stderr)
	go m.listen(a.serial, p.mailbox)
}

// listen passes a worker's notices on until its mailbox is closed.
func (m *Master) listen(s serial, mailbox *handoff.Mailbox) {
	for {
		notice, err := mailbox.Receive()
		if err != nil {
			return
		}
		m.send(func(m *Master) { m.handle(noticed{s, notice}) })
	}
}

// reap takes the ends of all children that have ended, also of those that this process has inherited as PID 1.
func (m *Master) reap() {
	for pid, ok := endedChild(); ok; pid, ok = endedChild() {
		s, worker := m.pids[pid]
		if worker {
			m.killRest(s)
		}
		status, err := reapChild(pid)
		if err != nil {
			m.log.Error("child cannot be reaped", "pid", pid, "error", err)
			return
		}
		how := exit{status: status}
		switch {
		case worker:
			m.bury(pid, s, how)
		case m.errand != nil && m.errand.pid == pid:
			m.errand.exited(how, time.Now())
			m.errandDone()
		default:
			m.log.Debug("orphan reaped", "pid", pid)
		}
	}
}

// killRest ends what a dead worker has started and left behind, which may have its sockets. As long as the worker is not
// reaped, its process group is nobody else's.
func (m *Master) killRest(s serial) {
	if err := m.processes[s].signal(syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		m.log.Warn("rest of a worker cannot be ended", "worker", m.processes[s].identity.ID, "error", err)
	}
}

// bury gives up what the master holds of a worker that has been reaped.
func (m *Master) bury(pid int, s serial, how exit) {
	p := m.processes[s]
	delete(m.pids, pid)
	delete(m.processes, s)
	if err := p.close(); err != nil {
		m.log.Warn("worker's descriptors cannot be closed", "worker", p.identity.ID, "error", err)
	}
	w := m.fleet.find(s)
	m.keepEnd(end{s, how, w != nil && w.leaving == forTimeout, p.stderr})
	m.handle(exited{s, how})
}
