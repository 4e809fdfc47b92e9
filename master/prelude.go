package master

import (
	"fmt"
	"os"
	"strings"
	"time"

	"multiproc/master/internal/fleet"
	"multiproc/worker/handoff"
)

// preludeTime bounds how long a prelude may take: a database that has grown large takes its time to migrate. What takes
// longer still is to be run by hand before.
const preludeTime = 10 * time.Minute

// prelude has the program of a generation, whose launch is there, run the command that comes before its first worker.
func (m *Master) prelude(g handoff.Generation) {
	l := m.launches[g]
	done := func(err error) {
		if err != nil {
			err = fmt.Errorf("%s failed: %w", strings.Join(l.plan.Prelude, " "), err)
			m.last = err
		}
		m.handle(fleet.Prepared{Generation: g, Limits: l.plan.Limits, Err: err})
	}
	if len(l.plan.Prelude) == 0 {
		done(nil)
		return
	}
	m.manager.extend(preludeTime + l.plan.Limits.StartTimeout)
	err := m.startErrand(g, preludeTime, l.prelude(), func(e *errand) {
		err := e.outcome()
		if err != nil && e.killed {
			err = fmt.Errorf("did not end within %v", preludeTime)
		}
		done(err)
	})
	if err != nil {
		done(err)
		return
	}
	m.log.Info("prelude started", "generation", int(g), "command", strings.Join(l.plan.Prelude, " "), "pid", m.errand.pid)
}

// prelude is the command.
func (l *launch) prelude() command {
	// It is no worker: what an outfit adds to the environment comes last.
	env, added := handoff.Outfit{}.Environ(l.plan.Env), handoff.Outfit{}.Environ(nil)
	return command{
		program: l.program,
		args:    l.plan.Prelude,
		env:     env[:len(env)-len(added)],
		dir:     l.plan.Dir,
		input:   l.plan.Settings,
		log:     os.Stderr,
	}
}
