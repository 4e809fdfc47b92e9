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

// prestartTime bounds how long a prestart may take: a database that has grown large takes its time to migrate. What takes
// longer still is to be run by hand before.
const prestartTime = 10 * time.Minute

// prestart has the program of a generation, whose launch is there, run the command that comes before its first worker.
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
	m.manager.extend(prestartTime + l.plan.Limits.StartTimeout)
	err := m.startOnce(g, prestartTime, l.prestart(), func(r *runOnce) {
		err := r.Err()
		if err != nil && r.Killed() {
			err = fmt.Errorf("did not end within %v", prestartTime)
		}
		done(err)
	})
	if err != nil {
		done(err)
		return
	}
	m.log.Info("prestart started", "generation", int(g), "command", strings.Join(l.plan.Prestart, " "), "pid", m.once.PID)
}

// prestart is the command.
func (l *launch) prestart() proc.Command {
	// It is no worker: what an outfit adds to the environment comes last.
	env, added := handoff.Outfit{}.Environ(l.plan.Env), handoff.Outfit{}.Environ(nil)
	return proc.Command{
		Program: l.Program,
		Args:    l.plan.Prestart,
		Env:     env[:len(env)-len(added)],
		Dir:     l.plan.Dir,
		Input:   l.plan.Settings,
		Log:     os.Stderr,
	}
}
