package master

import (
	"fmt"
	"os"
	"strings"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
	"multiproc/worker/handoff"
)

// prestartTimeout bounds how long a prestart command may take: migrating a large database takes its time. A migration that
// takes even longer must be run by hand before.
const prestartTimeout = 10 * time.Minute

// prestart runs the prestart command of a generation, if it has one, and then lets its workers start.
func (m *Master) prestart(g handoff.Generation) {
	l := m.launches[g]
	done := func(err error) {
		if err != nil {
			err = fmt.Errorf("%s failed: %w", strings.Join(l.plan.Prestart, " "), err)
			m.last = err
		}
		m.handle(fleet.Prepared{Generation: g, Limits: l.plan.Limits, Err: err})
	}
	if len(l.plan.Prestart) == 0 {
		done(nil)
		return
	}
	m.manager.extend(prestartTimeout + l.plan.Limits.StartTimeout)
	err := m.startOnce(g, prestartTimeout, proc.Command{
		Program: l.Program,
		Args:    l.plan.Prestart,
		Env:     handoff.CleanEnviron(l.plan.Env),
		Dir:     l.plan.Dir,
		Input:   l.plan.Settings,
		Log:     os.Stderr,
	}, func(r *runOnce) {
		err := r.Err()
		if err != nil && r.Killed() {
			err = fmt.Errorf("did not end within %v", prestartTimeout)
		}
		done(err)
	})
	if err != nil {
		done(err)
		return
	}
	m.log.Info("prestart command started", "generation", int(g), "command", strings.Join(l.plan.Prestart, " "), "pid", m.once.PID)
}
