package master

import (
	"errors"
	"fmt"

	"multiproc/internal/listen"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// launch starts the workers of one generation.
type launch struct {
	proc.Launch
	plan    Plan
	sockets *listen.Set

	exporter        *proc.Launch // nil: none; the workers' launch owns the files that both share
	exporterSockets *listen.Set
}

// newLaunch takes over the program; if it fails, it has closed it.
func newLaunch(plan Plan, program *proc.Program, sockets *listen.Sockets) (*launch, error) {
	l := &launch{plan: plan, Launch: proc.Launch{
		Program:   program,
		Args:      plan.Args,
		Env:       plan.Env,
		Dir:       plan.Dir,
		Foreign:   plan.Foreign,
		Notifies:  plan.Limits.Notifies,
		Heartbeat: plan.Limits.Heartbeat,
	}}
	l.plan.Limits.Exporter = plan.Exporter != nil
	var err error
	if ours := !plan.Foreign || plan.Exporter != nil; ours {
		l.Settings, err = proc.SealedFile("multiproc-settings", plan.Settings)
		if err == nil && len(plan.Secrets) > 0 {
			l.Secrets, err = proc.SealedFile("multiproc-secrets", plan.Secrets)
		}
	}
	if err == nil {
		l.sockets, err = sockets.Open(plan.Sockets)
	}
	if err == nil && plan.Exporter != nil {
		l.exporter = new(l.Launch)
		l.exporter.Args, l.exporter.Foreign, l.exporter.Notifies = plan.Exporter.Args, false, true
		if l.exporterSockets, err = sockets.Open(plan.Exporter.Sockets); err != nil {
			err = errors.Join(err, l.sockets.Close(true))
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// startWorker starts a worker in its slot, or the exporter, which uses the first slot of its own sockets.
func (l *launch) startWorker(who handoff.Identity) (*proc.Process, error) {
	from, sockets, slot := &l.Launch, l.sockets, int(who.Slot)
	if who.IsExporter() {
		from, sockets, slot = l.exporter, l.exporterSockets, 1
	}
	fds, names, err := sockets.Descriptors(slot)
	if err != nil {
		return nil, fmt.Errorf("start worker %s: %w", who.ID, err)
	}
	return from.Start(who, fds, names)
}

// sets returns the sockets of the workers and of the exporter.
func (l *launch) sets() []*listen.Set {
	if l.exporter == nil {
		return []*listen.Set{l.sockets}
	}
	return []*listen.Set{l.sockets, l.exporterSockets}
}

// queues returns the queues of all sockets that can be read, and the errors of the others.
func (l *launch) queues() (queues []listen.Queue, err error) {
	for _, set := range l.sets() {
		more, failed := set.Queues()
		queues, err = append(queues, more...), errors.Join(err, failed)
	}
	return queues, err
}

func (m *Master) logGeneration(g handoff.Generation) {
	l := m.launches[g]
	args := []any{"generation", int(g), "program", l.Program.Path, "workers", l.plan.Limits.Workers}
	for _, set := range l.sets() {
		for _, address := range set.Addresses() {
			args = append(args, "listening", address)
		}
	}
	m.log.Info("new generation", args...)
}

// retire releases what a generation was started from.
func (m *Master) retire(g handoff.Generation) {
	l := m.launches[g]
	if l == nil {
		return // its settings were never read
	}
	delete(m.launches, g)
	var errs []error
	for _, set := range l.sets() {
		errs = append(errs, set.Close(true))
	}
	if err := errors.Join(append(errs, l.Close())...); err != nil {
		m.log.Warn("cannot release generation", "generation", int(g), "error", err)
	}
}
