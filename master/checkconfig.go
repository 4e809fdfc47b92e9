package master

import (
	"errors"
	"fmt"
	"io"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// checkTime bounds how long a program may take to read its settings.
const checkTime = 30 * time.Second

// checkConfig has the program of the next generation read its settings: its code, not this one's, knows what they mean.
func (m *Master) checkConfig(g handoff.Generation) {
	m.callers.begin()
	m.manager.reloading()
	if err := m.startCheck(g); err != nil {
		go m.send(func(m *Master) { m.handle(fleet.Prepared{Generation: g, Err: err}) })
	}
}

func (m *Master) startCheck(g handoff.Generation) error {
	program, err := proc.ResolveProgram(m.config.Program)
	if err != nil {
		return err
	}
	err = m.startOnce(g, checkTime, proc.Command{
		Program: program,
		Args:    m.config.Check,
		Env:     m.config.CheckEnv,
		Dir:     m.config.CheckDir,
		Log:     io.Discard,
	}, m.checked)
	if err != nil {
		return errors.Join(fmt.Errorf("read settings: %w", err), program.Close())
	}
	return nil
}

// checked goes on to the prestart when the settings have been read.
func (m *Master) checked(e *runOnce) {
	if err := m.plan(e); err != nil {
		m.handle(fleet.Prepared{Generation: e.generation, Err: err})
		return
	}
	m.prestart(e.generation)
}

// plan makes ready what the next generation is to be started from.
func (m *Master) plan(e *runOnce) error {
	program := e.Command.Program
	fail := func(err error) error { return errors.Join(err, program.Close()) }
	if !m.fleet.Prepares(e.generation) {
		return fail(fleet.ErrStopping) // it was given up in the meantime
	}
	if err := e.Err(); err != nil {
		return fail(fmt.Errorf("read settings: %w", err))
	}
	plan, err := m.config.Read(e.output)
	if err != nil {
		return fail(fmt.Errorf("read settings: %w", err))
	}
	next, err := newLaunch(plan, program, m.config.Sockets)
	if err != nil {
		return err
	}
	m.launches[e.generation] = next
	m.logGeneration(e.generation)
	return nil
}

func (m *Master) logGeneration(g handoff.Generation) {
	l := m.launches[g]
	args := []any{"generation", int(g), "program", l.Program.Path, "workers", l.plan.Limits.Workers}
	for _, address := range l.sockets.Addresses() {
		args = append(args, "listening", address)
	}
	m.log.Info("new generation", args...)
}

// retire gives up what a generation was started from.
func (m *Master) retire(g handoff.Generation) {
	l := m.launches[g]
	if l == nil {
		return // its settings were never read
	}
	delete(m.launches, g)
	if err := errors.Join(l.sockets.Close(true), l.Close()); err != nil {
		m.log.Warn("generation cannot be given up", "generation", int(g), "error", err)
	}
}
