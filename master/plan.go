package master

import (
	"multiproc/internal/listen"
	"multiproc/master/internal/fleet"
)

// Limits are the numbers that the master's decisions depend on. They belong to one generation.
type Limits = fleet.Limits

// Plan describes the workers of one generation. The master does not change it.
type Plan struct {
	Limits  Limits
	Args    []string // of the workers' process; the first is only the name that ps shows
	Env     []string // of the workers, NAME=value; handoff.WorkerEnv adds the identity
	Dir     string   // working directory of the workers; empty: the master's
	Foreign bool     // the worker becomes another program, which gets sockets only; see handoff.Become

	// Prestart is a command that the program runs once, to its end, before the first worker of the generation starts; the
	// first element is the name; nil: none. It runs in the workers' directory and environment, without an identity, and
	// reads the settings from its standard input. Its stdout is dropped, its stderr is passed on. If it fails, so does the
	// start or the reload.
	Prestart []string

	Settings []byte          // read by workers that are not foreign, as handoff.ConfigName
	Secrets  []byte          // the same, as handoff.SecretsName; nothing else gets them
	Sockets  []listen.Socket // served by the workers
	Watch    []string        // absolute paths of files; a change of one requests a reload
}
