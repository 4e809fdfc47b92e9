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

// checked makes a plan of the settings that the program has printed. Reading the files that they name may hang, as on a network
// file system, so it happens in a goroutine of its own.
func (m *Master) checked(r *runOnce) {
	if err := r.Err(); err != nil {
		m.planned(r.generation, r.Command.Program, Plan{}, err)
		return
	}
	type result struct {
		plan Plan
		err  error
	}
	read := make(chan result, 1)
	go func() {
		plan, err := m.config.Read(r.output)
		read <- result{plan, err}
	}()
	go func() {
		var made result
		select {
		case made = <-read:
		case <-time.After(checkTimeout):
			made.err = errors.New("the files that the settings name cannot be read in time")
		}
		m.send(func(m *Master) { m.planned(r.generation, r.Command.Program, made.plan, made.err) })
	}()
}

// planned continues with the prestart command, or fails the reload if err is not nil.
func (m *Master) planned(g handoff.Generation, program *proc.Program, plan Plan, err error) {
	if err := m.addGeneration(g, program, plan, err); err != nil {
		m.handle(fleet.Prepared{Generation: g, Err: err})
		return
	}
	m.prestart(g)
}

// addGeneration makes a launch of a plan.
func (m *Master) addGeneration(g handoff.Generation, program *proc.Program, plan Plan, err error) error {
	switch {
	case !m.fleet.Prepares(g):
		return errors.Join(fleet.ErrStopping, program.Close())
	case err != nil:
		return errors.Join(fmt.Errorf("read settings: %w", err), program.Close())
	}
	next, err := newLaunch(plan, program, m.config.Sockets)
	if err != nil {
		return err
	}
	m.launches[g] = next
	m.logGeneration(g)
	return nil
}
