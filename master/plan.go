package master

import (
	"multiproc/internal/listen"
	"multiproc/master/internal/fleet"
	"multiproc/worker/handoff"
)

// Limits are the numbers of a generation that the master's decisions depend on.
type Limits = fleet.Limits

// ErrNoneReady is the error of Run if no worker became ready.
var ErrNoneReady = fleet.ErrNoneReady

// Plan is what the workers of one generation are: data, which a master needs to start them and to judge them by.
type Plan struct {
	Limits  Limits   // what its workers are judged by
	Args    []string // of the workers' process; the first is the name that it is shown by, not what is run
	Env     []string // its environment, without what says who it is; see handoff.Outfit
	Dir     string   // where it runs
	Foreign bool     // it becomes another program, which gets sockets only; see handoff.Become

	// Prestart is the arguments, the name first, of a command that the program runs once, to its end, before the first
	// worker of the generation is started; nil: none. It runs where the workers do, in their environment but for what
	// says who they are, and reads the settings from its standard input. What it writes to stdout is dropped, stderr is
	// passed on. If it fails, so does the start, or the reload.
	Prestart []string

	Settings []byte          // what workers that are not foreign read from handoff.ConfigName
	Secrets  []byte          // the same, from handoff.SecretsName, if there are any; nobody else gets them
	Sockets  []listen.Socket // what they serve
	Watch    []string        // files whose change asks for a reload
}

// Hooks tell what happens. They are called by the goroutine of Run, one at a time, and must not block. Each may be nil.
type Hooks struct {
	Started func(handoff.Identity) // a worker, which is not ready yet
	// Ended tells of a process that has been reaped, and why it ended: requests, lifetime, memory, stuck, silent,
	// start-timeout, reload, rollback, fewer, stop, or crash where nobody had asked for it.
	Ended    func(who handoff.Identity, why string)
	Reloaded func(failed error) // nil: committed; else why it was taken back
	Status   func(Status)       // after each change, and every second. What it points to is not changed later
}

func (h Hooks) started(who handoff.Identity) {
	if h.Started != nil {
		h.Started(who)
	}
}

func (h Hooks) ended(who handoff.Identity, why fleet.Reason) {
	if h.Ended != nil {
		h.Ended(who, string(why))
	}
}

func (h Hooks) reloaded(failed error) {
	if h.Reloaded != nil {
		h.Reloaded(failed)
	}
}

func (h Hooks) status(s Status) {
	if h.Status != nil {
		h.Status(s)
	}
}
