package master

import (
	"fmt"
	"slices"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
)

// maxExits bounds for how many exited workers the beginning of their stderr is kept.
const maxExits = 16

// exited records the exit of a worker.
type exited struct {
	serial  fleet.Serial
	exit    fleet.Exit
	timeout string // why it was ended, if it was not ready in time; otherwise empty
	stderr  *proc.Capture
}

func (e exited) String() string {
	if e.timeout != "" {
		return e.timeout
	}
	return e.exit.String()
}

func (m *Master) keepExit(e exited) {
	m.exits = append(m.exits, e)
	if len(m.exits) > maxExits {
		m.exits = slices.Clone(m.exits[1:])
	}
}

// stderr returns the output of a worker, whether it runs or has exited; nil if it is not known.
func (m *Master) stderr(s fleet.Serial) *proc.Capture {
	if c := m.children[s]; c != nil {
		return c.Stderr
	}
	for _, e := range m.exits {
		if e.serial == s {
			return e.stderr
		}
	}
	return nil
}

// whyNoneReady returns an ErrNoneReady with the output of the first worker that wrote something before it exited.
func (m *Master) whyNoneReady() error {
	if m.last != nil {
		return fmt.Errorf("%w: %w", ErrNoneReady, m.last)
	}
	for _, e := range m.exits {
		if line := e.stderr.FirstError(); line != "" {
			return fmt.Errorf("%w: %s: %s", ErrNoneReady, e, line)
		}
	}
	if len(m.exits) > 0 {
		return fmt.Errorf("%w: %s", ErrNoneReady, m.exits[0])
	}
	return ErrNoneReady
}
