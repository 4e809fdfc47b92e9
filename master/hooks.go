package master

import "multiproc/worker/handoff"

// Hooks report what happens. The goroutine of Run calls them, one at a time, and they must not block. Each may be nil.
type Hooks struct {
	// Started reports a worker, or an exporter, that has been started and is not ready yet.
	Started func(handoff.Identity)

	// Exited reports a child that has exited and has not been reaped: until the hook returns, no other process can have its
	// pid. id is that of a worker, and empty for other children: commands, and orphans that the master has inherited as PID 1.
	Exited func(pid int, id string)

	// Ended reports a worker, or an exporter, that has been reaped, and why it ended: requests, lifetime, memory, stuck, silent,
	// start-timeout, reload, rollback, fewer, stop, or crash if it was not asked to end.
	Ended func(who handoff.Identity, why string)

	// Reloaded reports the end of a reload: nil if it was committed, else why it was rolled back.
	Reloaded func(failed error)

	// Status gets the status after each change, and every second. It is not changed afterwards.
	Status func(Status)
}

// complete returns hooks of which none is nil.
func (h Hooks) complete() Hooks {
	if h.Started == nil {
		h.Started = func(handoff.Identity) {}
	}
	if h.Exited == nil {
		h.Exited = func(int, string) {}
	}
	if h.Ended == nil {
		h.Ended = func(handoff.Identity, string) {}
	}
	if h.Reloaded == nil {
		h.Reloaded = func(error) {}
	}
	if h.Status == nil {
		h.Status = func(Status) {}
	}
	return h
}
