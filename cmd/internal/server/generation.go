package server

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/master"
)

// generations makes the plan of each generation from its settings.
type generations struct {
	first      *config.Config // of the master itself
	env        []string       // the environment that the master was started with
	metricsDir string
	sockets    *listen.Sockets
	secrets    *secretFiles
	reading    sync.Mutex // held by read
}

// read returns the plan of the next generation, whose settings the new program has printed.
//
// It may hang with a file system. Until it has returned, further calls fail.
func (g *generations) read(settings []byte) (master.Plan, error) {
	if !g.reading.TryLock() {
		return master.Plan{}, errors.New("files are still being read for an earlier reload")
	}
	defer g.reading.Unlock()
	next, err := config.ParseSnapshot(settings)
	if err != nil {
		return master.Plan{}, err
	}
	if keys := g.first.Unchangeable(next); len(keys) > 0 {
		return master.Plan{}, fmt.Errorf("a restart is needed to change %s", strings.Join(keys, ", "))
	}
	if err := checkMetricsAuth(next.MetricsAuthFile); err != nil {
		return master.Plan{}, err
	}
	plan, err := g.plan(next)
	if len(plan.Prestart) > 0 && hasDatabase(g.first) { // which exists since the first generation
		plan.Prestart = append(plan.Prestart, "--existing")
	}
	plan.Settings = settings // unchanged: the new program may have printed keys that are unknown here
	return plan, err
}

func (g *generations) plan(cfg *config.Config) (master.Plan, error) {
	settings, err := cfg.Snapshot()
	if err != nil {
		return master.Plan{}, err
	}
	secrets, err := g.secrets.read(cfg)
	if err != nil {
		return master.Plan{}, err
	}
	packed, err := secrets.pack()
	if err != nil {
		return master.Plan{}, err
	}
	sockets, err := findSockets(cfg, g.sockets)
	if err != nil {
		return master.Plan{}, err
	}
	plan := master.Plan{
		Limits: master.Limits{
			Workers:          cfg.Processes,
			MinReady:         cfg.MinReady,
			Starting:         runtime.GOMAXPROCS(0),
			Notifies:         cfg.Notify,
			StartTimeout:     cfg.StartTimeout,
			Heartbeat:        cfg.HeartbeatTimeout,
			ReloadMercy:      cfg.WorkerReloadMercy,
			StopMercy:        cfg.StopMercy,
			ShutdownDelay:    cfg.ShutdownDelay,
			MaxLifetime:      cfg.MaxWorkerLifetime,
			MaxLifetimeDelta: cfg.MaxWorkerLifetimeDelta,
			MaxAnon:          uint64(cfg.ReloadOnRSS),
		},
		Args:     []string{cfg.ProcnamePrefix + "multiproc", "worker"},
		Env:      g.environ(cfg),
		Dir:      cfg.Chdir,
		Settings: settings,
		Secrets:  packed,
		Sockets:  append(sockets.workers, sockets.metrics...),
		Watch:    cfg.TouchReload,

		WatchContents: cfg.FSReload,
	}
	switch {
	case strings.TrimSpace(cfg.Command) != "":
		plan.Foreign = true
		if ownProcess(cfg) {
			plan.Sockets = sockets.workers
			plan.Exporter = &master.Exporter{
				Args:    []string{cfg.ProcnamePrefix + "multiproc", exporterVerb},
				Sockets: sockets.metrics,
			}
		}
		plan.Limits.StartHint = "a program that never sends READY=1 to NOTIFY_SOCKET needs notify = false"
		plan.Args = append(append(plan.Args, "--"), programArgs(cfg.Command)...)
	}
	if hasDatabase(cfg) && cfg.Migrate {
		plan.Prestart = []string{"multiproc", "migrate", "--snapshot"}
	}
	return plan, nil
}

// ownProcess reports whether any serving process runs this program: a worker, or the exporter of workers that are another program.
func ownProcess(cfg *config.Config) bool {
	return strings.TrimSpace(cfg.Command) == "" || len(cfg.MetricsSockets) > 0
}

// hasDatabase reports whether a serving process that runs this program opens the database.
func hasDatabase(cfg *config.Config) bool { return cfg.Database != "" && ownProcess(cfg) }

// environ returns the environment of workers, without what identifies each of them.
func (g *generations) environ(cfg *config.Config) []string {
	set := []string{"GOMAXPROCS=" + strconv.Itoa(cfg.Threads)}
	for _, v := range cfg.Env {
		set = append(set, v.String())
	}
	set = append(set, config.MetricsDirVariable+"="+g.metricsDir)
	gone := slices.Clone(cfg.Unenv)
	for _, variable := range set {
		gone = append(gone, variableName(variable))
	}
	// Each name once: which of two a program sees depends on its language.
	env := slices.DeleteFunc(slices.Clone(g.env), func(variable string) bool {
		return slices.Contains(gone, variableName(variable))
	})
	for i, variable := range set {
		if !slices.ContainsFunc(set[i+1:], func(later string) bool { return variableName(later) == variableName(variable) }) {
			env = append(env, variable)
		}
	}
	return env
}

func variableName(variable string) string {
	name, _, _ := strings.Cut(variable, "=")
	return name
}

// programArgs returns the argument vector of another program. A command line with shell syntax is left to a shell, as make
// does. The pid must stay the one that the master has recorded, so a single command replaces its shell; in a list of commands, the
// user should begin the last one with exec.
func programArgs(command string) []string {
	words := strings.Fields(command)
	several := strings.ContainsAny(command, "|&;(){}\n")
	if !several && !strings.ContainsAny(command, "<>$`\\\"'*?[]#~!") && !strings.Contains(words[0], "=") {
		return words
	}
	if !several && !strings.Contains(words[0], "=") && words[0] != "exec" {
		command = "exec " + command
	}
	return []string{"/bin/sh", "-c", command}
}
