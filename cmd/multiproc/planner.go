package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	"multiproc/master"
)

// planner makes a master's plans of settings.
type planner struct {
	first      *config.Config // what the master itself was started with
	origin     origin
	metricsDir string
	activated  []listen.Socket // from systemd
	secrets    *secretFiles
}

// read makes the plan of the settings that the program of a next generation has printed.
func (p *planner) read(settings []byte) (master.Plan, error) {
	next, err := config.ParseSnapshot(settings)
	if err != nil {
		return master.Plan{}, err
	}
	if keys := p.first.Unchangeable(next); len(keys) > 0 {
		return master.Plan{}, fmt.Errorf("a restart is needed to change %s", strings.Join(keys, ", "))
	}
	if err := checkMetricsAuth(next.MetricsAuthFile); err != nil {
		return master.Plan{}, err
	}
	plan, err := p.plan(next)
	if len(plan.Prestart) > 0 && hasDatabase(p.first) { // which the first generation has made, or found
		plan.Prestart = append(plan.Prestart, "--existing")
	}
	plan.Settings = settings // as they are: the program may have printed more than is known here
	return plan, err
}

func (p *planner) plan(cfg *config.Config) (master.Plan, error) {
	settings, err := cfg.Snapshot()
	if err != nil {
		return master.Plan{}, err
	}
	secrets, err := p.secrets.read(cfg)
	if err != nil {
		return master.Plan{}, err
	}
	packed, err := secrets.pack()
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
		Env:      p.environ(cfg),
		Dir:      cfg.Chdir,
		Settings: settings,
		Secrets:  packed,
		Sockets:  p.sockets(cfg),
		Watch:    cfg.TouchReload,
	}
	switch {
	case strings.TrimSpace(cfg.Command) != "":
		plan.Foreign = true
		plan.Args = append(append(plan.Args, "--"), programArgs(cfg.Command)...)
	case hasDatabase(cfg) && cfg.Migrate:
		plan.Prestart = []string{"multiproc", "migrate", "--snapshot"}
	}
	return plan, nil
}

// hasDatabase reports whether workers open the database: those that are another program know nothing of it.
func hasDatabase(cfg *config.Config) bool {
	return cfg.Database != "" && strings.TrimSpace(cfg.Command) == ""
}

// environ is what workers find in their environment, beside who they are.
func (p *planner) environ(cfg *config.Config) []string {
	set := []string{"GOMAXPROCS=" + strconv.Itoa(cfg.Threads)}
	for _, v := range cfg.Env {
		set = append(set, v.String())
	}
	set = append(set, metricsDirVariable+"="+p.metricsDir)
	gone := slices.Clone(cfg.Unenv)
	for _, variable := range set {
		gone = append(gone, variableName(variable))
	}
	// Of two with one name, which of them a program sees is up to its language.
	env := slices.DeleteFunc(slices.Clone(p.origin.env), func(variable string) bool {
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

// metricsDirVariable is prometheus_client's: workers in other languages find the directory by it.
const metricsDirVariable = config.MetricsDirVariable

// programArgs is the command line of another program. What only a shell understands is left to a shell, as make does.
//
// The pid must stay the one that the master knows: a shell is replaced by a command that stands alone. Of several, the
// last is to be begun with exec by whoever wrote them.
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
