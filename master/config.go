package master

import (
	"log/slog"
	"net"

	"multiproc/internal/listen"
	"multiproc/master/internal/fleet"
)

// Config configures a Master.
type Config struct {
	Plan    Plan            // of the first generation
	Program string          // path of the workers' executable; symbolic links in it are resolved again for each generation
	Sockets *listen.Sockets // may have sockets already; the master opens those of the plan and closes them

	// Check is the command with which the program prints the settings of the next generation; the first element is the name. It
	// runs in CheckDir, an absolute path, with the environment CheckEnv. Read makes a plan of what it has printed, in
	// a goroutine of its own; if that takes longer than 30 s, the reload fails.
	Check    []string
	CheckEnv []string
	CheckDir string
	Read     func(settings []byte) (Plan, error)

	Control net.Listener   // accepts commands; nil: none. The master closes it
	Health  []net.Listener // answer health checks. The master closes them
	Pidfile *Pidfile       // gets the pid when the first workers are ready; nil: none. The caller closes it
	Unlink  bool           // remove the files of unix sockets at the end

	Reopen func() error // reopens the log; nil: there is none to reopen
	Logger *slog.Logger // nil: discard
}

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

	Settings []byte          // read by workers that are not foreign, as handoff.ConfigName, and by the exporter
	Secrets  []byte          // the same, as handoff.SecretsName; nothing else gets them
	Sockets  []listen.Socket // served by the workers
	Watch    []string        // absolute paths of files; a change of one requests a reload

	WatchContents []string // absolute paths of files and directories; a change of one, or of a file directly in it, requests a reload too

	// Exporter is an optional process beside the workers, which serves the metrics of workers that are another program. It runs
	// this program with the same environment, directory, settings and secrets; nil: none.
	Exporter *Exporter
}

// Exporter describes an exporter.
type Exporter struct {
	Args    []string        // as in Plan
	Sockets []listen.Socket // served by the exporter
}
