package master

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// handle passes an event to the fleet and performs the actions that it decides on. An event that is caused by an action is
// handled after all actions of the event before.
func (m *Master) handle(e fleet.Event) {
	m.events = append(m.events, e)
	if len(m.events) > 1 {
		return // the outer call handles it
	}
	for len(m.events) > 0 {
		actions := m.fleet.Handle(time.Now(), m.events[0])
		m.releaseSlots() // before their workers drain
		for _, a := range actions {
			m.perform(a)
		}
		m.closeSockets()
		if len(actions) > 0 {
			m.publish()
		}
		m.events = m.events[1:]
	}
}

func (m *Master) perform(a fleet.Action) {
	switch a := a.(type) {
	case fleet.Spawn:
		m.spawn(a)
	case fleet.Kill:
		if c := m.children[a.Serial]; c != nil {
			if err := c.Signal(a.Signal); err != nil {
				m.log.Error("cannot signal worker", "worker", c.Identity.ID, "signal", a.Signal.String(), "error", err)
			}
		}
	case fleet.Send:
		if c := m.children[a.Serial]; c != nil {
			m.sendWord(c, a.Word)
		}
	case fleet.Ended:
		m.remember(a)
		m.hooks.Ended(a.Identity, string(a.Reason))
	case fleet.Prepare:
		m.checkConfig(a.Generation)
	case fleet.Retire:
		m.retire(a.Generation)
	case fleet.Reloaded:
		m.reloaded(a)
	case fleet.Serving:
		m.serving()
	case fleet.Finish:
		m.finished, m.failed = true, a.Err
	case fleet.Log:
		m.log.Log(context.Background(), a.Level, a.Message, a.Args...) //nolint:sloglint // the fleet's messages are constants
	default:
		panic(fmt.Sprintf("BUG: unknown action: %T", a))
	}
}

func (m *Master) spawn(a fleet.Spawn) {
	process, err := m.launches[a.Identity.Generation].startWorker(a.Identity)
	if err != nil {
		if !a.Identity.IsExporter() {
			m.last = err
		}
		m.handle(fleet.Exited{Serial: a.Serial, Exit: fleet.Exit{Err: err}})
		return
	}
	m.slots = max(m.slots, a.Identity.Slot)
	m.children[a.Serial] = &child{Process: process, before: m.history.started(a.Identity.Slot)}
	m.pids[process.PID] = a.Serial
	m.hooks.Started(a.Identity)
	m.log.Info("worker started", "worker", a.Identity.ID, "generation", int(a.Identity.Generation), "pid", process.PID)
	go process.Stderr.Copy(os.Stderr)
	go m.receive(a.Serial, process.Mailbox)
}

// receive passes on a worker's notices until its mailbox is closed.
func (m *Master) receive(s fleet.Serial, mailbox *handoff.Mailbox) {
	for {
		notice, err := mailbox.Receive()
		if err != nil {
			return
		}
		notice.Status = proc.Printable(notice.Status)
		m.send(func(m *Master) { m.handle(fleet.Noticed{Serial: s, Notice: notice}) })
	}
}

func (m *Master) sendWord(c *child, word handoff.Word) {
	if err := c.Tether.Send(word); err != nil && !errors.Is(err, syscall.EPIPE) {
		m.log.Warn("cannot write to worker's lifeline", "worker", c.Identity.ID, "error", err)
	}
}

// serving is called whenever MinReady workers have become ready.
func (m *Master) serving() {
	if m.served {
		return
	}
	m.served = true
	s := m.status()
	m.health.Store(&s) // first: a health check may follow the notification at once
	m.manager.ready()
	if m.config.Pidfile != nil {
		if err := m.config.Pidfile.Write(m.pid); err != nil {
			m.log.Error("cannot write pid", "error", err)
		}
	}
}

// closeSockets closes the master's copies when the workers begin to drain: once the last worker has accepted what the kernel had
// queued, clients are to be refused rather than left waiting.
func (m *Master) closeSockets() {
	if m.closing || !m.fleet.Closing() {
		return
	}
	m.closing = true
	for g, l := range m.launches {
		if err := l.sockets.Close(m.config.Unlink); err != nil {
			m.log.Warn("cannot close sockets", "generation", int(g), "error", err)
		}
	}
}

// releaseSlots closes the sockets of slots that are not used any more. The workers that drain there have copies of their own; the
// kernel would still queue connections at a socket that only the master has open.
func (m *Master) releaseSlots() {
	target := handoff.Slot(m.fleet.Target())
	if _, _, reloading := m.fleet.Reload(); reloading {
		target = max(target, m.slots) // the next workers may need them
	}
	for ; m.slots > target; m.slots-- {
		if err := m.launches[m.fleet.Generation()].sockets.ReleaseSlot(int(m.slots)); err != nil {
			m.log.Warn("cannot close sockets of slot", "slot", int(m.slots), "error", err)
		}
	}
}

// publish passes the status to the service manager, the hooks and the health checks.
func (m *Master) publish() {
	s := m.status()
	m.manager.status(s)
	m.hooks.Status(s)
	m.health.Store(&s)
}

// sampleInterval is the interval at which the master measures its workers and the queues.
const sampleInterval = time.Second

// sample measures what workers use and how long the queues are, once per interval.
func (m *Master) sample() {
	now := time.Now()
	if now.Sub(m.sampled) < m.manager.interval() {
		return
	}
	m.sampled = now
	m.manager.alive()
	for s, c := range m.children {
		u, err := proc.ReadUsage(c.PID)
		if err != nil {
			continue // it has just exited and will be reaped
		}
		c.usage = u
		m.handle(fleet.Measured{Serial: s, Anon: u.AnonBytes})
	}
	m.queues = nil
	if !m.closing {
		var err error
		if m.queues, err = m.launches[m.fleet.Generation()].queues(); err != nil {
			m.log.Debug("cannot read queues", "error", err)
		}
	}
	m.publish()
}
