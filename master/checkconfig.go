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

// checkTimeout bounds how long a program may take to read its settings.
const checkTimeout = 30 * time.Second

// checkConfig makes the program of the next generation read its settings: only its own code can interpret them.
func (m *Master) checkConfig(g handoff.Generation) {
	m.callers.begin()
	m.manager.reloading()
	if err := m.startCheck(g); err != nil {
		m.handle(fleet.Prepared{Generation: g, Err: err})
	}
}

func (m *Master) startCheck(g handoff.Generation) error {
	program, err := proc.ResolveProgram(m.config.Program)
	if err != nil {
		return err
	}
	err = m.startOnce(g, checkTimeout, proc.Command{
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

// checked continues with the prestart command when the settings have been read.
func (m *Master) checked(r *runOnce) {
	if err := m.addGeneration(r); err != nil {
		m.handle(fleet.Prepared{Generation: r.generation, Err: err})
		return
	}
	m.prestart(r.generation)
}

// addGeneration makes a launch of the settings that the program has printed.
func (m *Master) addGeneration(r *runOnce) error {
	program := r.Command.Program
	fail := func(err error) error { return errors.Join(err, program.Close()) }
	if !m.fleet.Prepares(r.generation) {
		return fail(fleet.ErrStopping)
	}
	if err := r.Err(); err != nil {
		return fail(fmt.Errorf("read settings: %w", err))
	}
	plan, err := m.config.Read(r.output)
	if err != nil {
		return fail(fmt.Errorf("read settings: %w", err))
	}
	next, err := newLaunch(plan, program, m.config.Sockets)
	if err != nil {
		return err
	}
	m.launches[r.generation] = next
	m.logGeneration(r.generation)
	return nil
}
