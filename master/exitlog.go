package master

import (
	"fmt"
	"slices"

	"multiproc/master/internal/fleet"
	"multiproc/master/internal/proc"
)

// maxEnds bounds for how many workers that have ended the beginning of their stderr is kept.
const maxEnds = 16

// end is what is kept of a worker that has ended.
type end struct {
	serial fleet.Serial
	how    fleet.Exit
	late   bool // it was ended because it was not ready in time
	stderr *proc.Capture
}

func (e end) String() string {
	if e.late {
		return string(fleet.ReasonStartTimeout)
	}
	return e.how.String()
}

func (m *Master) keepEnd(e end) {
	m.ends = append(m.ends, e)
	if len(m.ends) > maxEnds {
		m.ends = slices.Clone(m.ends[1:])
	}
}

// stderr is what a worker has said, alive or not; nil where that is not known.
func (m *Master) stderr(s fleet.Serial) *proc.Capture {
	if p := m.processes[s]; p != nil {
		return p.Stderr
	}
	for _, e := range m.ends {
		if e.serial == s {
			return e.stderr
		}
	}
	return nil
}

// whyNoneReady tells of the first worker that has said something before it ended.
func (m *Master) whyNoneReady() error {
	if m.last != nil {
		return fmt.Errorf("%w: %w", ErrNoneReady, m.last)
	}
	for _, e := range m.ends {
		if line := e.stderr.FirstError(); line != "" {
			return fmt.Errorf("%w: %s: %s", ErrNoneReady, e, line)
		}
	}
	if len(m.ends) > 0 {
		return fmt.Errorf("%w: %s", ErrNoneReady, m.ends[0])
	}
	return ErrNoneReady
}
