package master

import (
	"errors"
	"os"
	"syscall"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

func (m *Master) spawn(a fleet.Spawn) {
	started, err := m.launches[a.Identity.Generation].startWorker(a.Identity)
	if err != nil {
		m.last = err
		// Not from within the actions of another event, which are not done yet.
		go m.send(func(m *Master) { m.handle(fleet.Exited{Serial: a.Serial, Exit: fleet.Exit{Err: err}}) })
		return
	}
	m.slots = max(m.slots, a.Identity.Slot)
	p := &child{Process: started, before: m.history.started(a.Identity.Slot)}
	m.processes[a.Serial] = p
	m.pids[p.PID] = a.Serial
	m.hooks.started(a.Identity)
	m.log.Info("worker started", "worker", a.Identity.ID, "generation", int(a.Identity.Generation), "pid", p.PID)
	go p.Stderr.Copy(os.Stderr)
	go m.listen(a.Serial, p.Mailbox)
}

// listen passes a worker's notices on until its mailbox is closed.
func (m *Master) listen(s fleet.Serial, mailbox *handoff.Mailbox) {
	for {
		notice, err := mailbox.Receive()
		if err != nil {
			return
		}
		notice.Status = proc.Printable(notice.Status)
		m.send(func(m *Master) { m.handle(fleet.Noticed{Serial: s, Notice: notice}) })
	}
}

// reap takes the ends of all children that have ended, also of those that this process has inherited as PID 1.
func (m *Master) reap() {
	for pid, ok := proc.EndedChild(); ok; pid, ok = proc.EndedChild() {
		s, worker := m.pids[pid]
		if worker {
			m.killRest(s)
		}
		status, err := proc.Reap(pid)
		if err != nil {
			m.log.Error("child cannot be reaped", "pid", pid, "error", err)
			return
		}
		how := fleet.Exit{Status: status}
		switch {
		case worker:
			m.release(pid, s, how)
		case m.once != nil && m.once.PID == pid:
			m.once.Exited(how, time.Now())
			m.onceDone()
		default:
			m.log.Debug("orphan reaped", "pid", pid)
		}
	}
}

// killRest ends what a dead worker has started and left behind, which may have its sockets. As long as the worker is not
// reaped, its process group is nobody else's.
func (m *Master) killRest(s fleet.Serial) {
	if err := m.processes[s].Signal(syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		m.log.Warn("rest of a worker cannot be ended", "worker", m.processes[s].Identity.ID, "error", err)
	}
}

// release gives up what the master holds of a worker that has been reaped.
func (m *Master) release(pid int, s fleet.Serial, how fleet.Exit) {
	p := m.processes[s]
	delete(m.pids, pid)
	delete(m.processes, s)
	if err := p.Close(); err != nil {
		m.log.Warn("worker's descriptors cannot be closed", "worker", p.Identity.ID, "error", err)
	}
	w := m.fleet.Find(s)
	m.keepEnd(end{s, how, w != nil && w.Leaving == fleet.ReasonStartTimeout, p.Stderr})
	m.handle(fleet.Exited{Serial: s, Exit: how})
}
