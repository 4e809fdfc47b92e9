package master

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"multiproc/worker/handoff"
)

// checkTime bounds how long a program may take to read its settings.
const checkTime = 30 * time.Second

// prepare has the program of the next generation read its settings: its code, not this one's, knows what they mean.
func (m *Master) prepare(g handoff.Generation) {
	m.callers.begin()
	m.manager.reloading()
	if err := m.check(g); err != nil {
		go m.send(func(m *Master) { m.handle(prepared{generation: g, failed: err}) })
	}
}

func (m *Master) check(g handoff.Generation) error {
	program, err := resolveProgram(m.config.Program)
	if err != nil {
		return err
	}
	err = m.startErrand(g, checkTime, command{
		program: program,
		args:    m.config.Check,
		env:     m.config.CheckEnv,
		dir:     m.config.CheckDir,
		log:     io.Discard,
	}, m.checked)
	if err != nil {
		return errors.Join(fmt.Errorf("read settings: %w", err), program.close())
	}
	return nil
}

// checked goes on to the prelude when the settings have been read.
func (m *Master) checked(e *errand) {
	if err := m.plan(e); err != nil {
		m.handle(prepared{generation: e.generation, failed: err})
		return
	}
	m.prelude(e.generation)
}

// startErrand starts an errand for a generation, and calls then when it is all over. There must be no other.
func (m *Master) startErrand(g handoff.Generation, limit time.Duration, c command, then func(*errand)) error {
	e, err := startErrand(c, func(output []byte) {
		m.send(func(m *Master) {
			m.errand.output, m.errand.read = output, true
			m.errandDone()
		})
	})
	if err != nil {
		return err
	}
	e.generation, e.then, e.deadline = g, then, time.Now().Add(limit)
	m.errand = e
	return nil
}

// errandDone goes on once the errand has ended and all that it has written is here.
func (m *Master) errandDone() {
	e := m.errand
	if e.ended == nil || !e.read {
		return
	}
	m.errand = nil
	e.then(e)
}

// plan makes ready what the next generation is to be started from.
func (m *Master) plan(e *errand) error {
	program := e.command.program
	fail := func(err error) error { return errors.Join(err, program.close()) }
	if !m.fleet.prepares(e.generation) {
		return fail(errStopping) // it was given up in the meantime
	}
	if err := e.outcome(); err != nil {
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
	args := []any{"generation", int(g), "program", l.program.path, "workers", l.plan.Limits.Workers}
	for _, address := range l.sockets.addresses() {
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
	if err := errors.Join(l.closeSockets(true), l.close()); err != nil {
		m.log.Warn("generation cannot be given up", "generation", int(g), "error", err)
	}
}

// overdueErrand ends an errand that takes too long, or that nobody waits for any more.
func (m *Master) overdueErrand(now time.Time) {
	e := m.errand
	if e == nil {
		return
	}
	unwanted := e.ended == nil && !e.killed && !m.fleet.prepares(e.generation)
	if due := e.due(); unwanted || !due.IsZero() && !now.Before(due) {
		if err := e.giveUp(); err != nil {
			m.log.Warn("errand cannot be ended", "error", err)
		}
	}
}

// watch asks for a reload when one of the files has changed.
func (m *Master) watch(paths []string) {
	if slices.Equal(paths, m.watched) {
		return // a new watch would miss what has changed since the settings were read
	}
	m.watched = nil
	if m.watcher != nil {
		m.watcher.Close()
		m.watcher = nil
	}
	if len(paths) == 0 {
		return
	}
	watcher, err := watchFiles(paths, func(path string) {
		// The master may be waiting for the end of this very watcher.
		go m.send(func(m *Master) {
			m.log.Info("file has changed", "path", path)
			m.handle(reloadAsked{})
		})
	})
	if err != nil {
		m.log.Error("files cannot be watched", "error", err)
		return
	}
	m.watcher, m.watched = watcher, paths
}
