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
	var err error
	if !plan.Foreign {
		l.Settings, err = proc.SealedFile("multiproc-settings", plan.Settings)
	}
	if err == nil && !plan.Foreign && len(plan.Secrets) > 0 {
		l.Secrets, err = proc.SealedFile("multiproc-secrets", plan.Secrets)
	}
	if err == nil {
		l.sockets, err = sockets.Open(plan.Sockets)
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// startWorker starts a worker in its slot.
func (l *launch) startWorker(who handoff.Identity) (*proc.Process, error) {
	fds, names, err := l.sockets.Descriptors(int(who.Slot))
	if err != nil {
		return nil, fmt.Errorf("start worker %s: %w", who.ID, err)
	}
	return l.Start(who, fds, names)
}

func (m *Master) logGeneration(g handoff.Generation) {
	l := m.launches[g]
	args := []any{"generation", int(g), "program", l.Program.Path, "workers", l.plan.Limits.Workers}
	for _, address := range l.sockets.Addresses() {
		args = append(args, "listening", address)
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
	if err := errors.Join(l.sockets.Close(true), l.Close()); err != nil {
		m.log.Warn("cannot release generation", "generation", int(g), "error", err)
	}
}
