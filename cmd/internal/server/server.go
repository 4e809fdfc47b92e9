// Package server runs one server: a master with its workers, or a single process without a master.
//
// Run acquires an instance, the resources that only one server can hold, and then either supervises workers by package master or
// runs standalone. Each generation of workers follows from a configuration by generations. A worker, which a master starts by
// WorkerCommand, and a standalone server are a process: it opens the application, if there is a database, and serves its routes
// by package worker.
package server

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"strconv"
	"strings"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/cmd/internal/page"
	"multiproc/cmd/internal/uwsgistats"
	"multiproc/internal/listen"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// Run runs the server that the arguments describe, an ini file and flags that are keys, in the foreground until it stops.
func Run(ctx context.Context, args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	program, err := master.Invoked(os.Args[0])
	if err != nil {
		return err
	}
	call := invocation{program: program, args: args, env: os.Environ(), dir: dir}
	arguments, err := config.ParseServerFlags(args)
	if err != nil {
		return cli.Usage(err)
	}
	passedTo := os.Getenv("LISTEN_PID")
	activated, err := listen.PassedFiles()
	if err != nil {
		return cli.Usage(err)
	}
	call.activated = len(activated) > 0
	arguments.Activated = call.activated
	call.files = arguments.Files
	loaded, err := config.Load(arguments)
	if err != nil {
		return cli.Usage(err)
	}
	return withInstance(loaded, listen.NewSockets(activated), func(in *instance) error {
		if passedTo != "" && passedTo != strconv.Itoa(os.Getpid()) {
			in.log.Warn("passed sockets ignored, they are for another process", "listen_pid", passedTo,
				"hint", "a shell must start the server with exec")
		}
		if loaded.Config.Master {
			return supervise(ctx, in, call)
		}
		return runStandalone(ctx, in)
	})
}

// invocation records how the process was started, before it changed anything: the next generation must see the same.
type invocation struct {
	program   string // the path as it was called, with symbolic links
	args      []string
	files     []string // the ini files among the arguments
	env       []string
	dir       string
	activated bool // by systemd, with sockets
}

// checkCommand returns the command that prints the settings these arguments stand for now.
func (c invocation) checkCommand(in *instance) []string {
	args := []string{"multiproc", "check", "--snapshot"}
	if c.activated {
		args = append(args, "--activated")
	}
	args = append(args, c.args...)
	if in.privileges != nil && in.cfg.Control != "" {
		args = append(args, "--control="+in.cfg.Control) // its default depends on the user
	}
	return args
}

// supervise runs a master.
func supervise(ctx context.Context, in *instance, call invocation) error {
	generations := &generations{
		first:      in.cfg,
		env:        call.env,
		metricsDir: in.metricsDir,
		sockets:    in.sockets,
		secrets:    newSecretFiles(in.log),
	}
	plan, err := generations.plan(in.cfg)
	if err != nil {
		return cli.Usage(err)
	}
	sockets, err := findSockets(in.cfg, in.sockets)
	if err != nil {
		return cli.Usage(err)
	}
	control, err := in.listenControl(sockets.control)
	if err != nil {
		return err
	}
	health, err := in.listenUnnamed(sockets.health) // the master itself answers there
	if err != nil {
		return err
	}
	statsListeners, err := in.listenUnnamed(sockets.stats)
	if err != nil {
		return err
	}
	setProcessName(in.cfg.ProcnamePrefix + "multiproc")
	m, err := master.New(master.Config{
		Plan:     plan,
		Program:  call.program,
		Sockets:  in.sockets,
		Check:    call.checkCommand(in),
		CheckEnv: call.env,
		CheckDir: call.dir,
		Read:     generations.read,
		Control:  control,
		Health:   health,
		Pidfile:  in.pidfile,
		Unlink:   in.cfg.Vacuum,
		Reopen:   in.reopenLog,
		Logger:   in.log,
	})
	if err != nil {
		return err
	}
	in.closeUnused()
	if err := in.enter(); err != nil {
		return err
	}
	generations.secrets.warnUnreadable(in.cfg)
	if err := checkMetricsAuth(in.cfg.MetricsAuthFile); err != nil { // as the user that will read it
		return cli.Usage(err)
	}
	metrics, err := page.NewMaster(in.metricsDir, in.directory, in.cfg.MetricsMaxSeries, in.log)
	if err != nil {
		return err
	}
	defer metrics.Close()
	hooks := metrics.Hooks()
	if len(statsListeners) > 0 {
		stats := uwsgistats.New(statsListeners, in.cfg.StatsHTTP, in.metricsDir, in.log)
		defer stats.Close()
		hooks = stats.Join(hooks)
	}
	var files []string
	for _, file := range call.files {
		files = append(files, "--ini", file)
	}
	in.logFirstSteps(files...)
	return m.Run(ctx, hooks)
}

// firstSteps returns the commands that a new user can try next: those that fill a database which the server is about to create. The
// flags name the configuration; other arguments of the server may be secret. There are no commands without flags.
func firstSteps(cfg *config.Config, program string, flags ...string) []string {
	if _, err := os.Stat(cfg.Database); len(flags) == 0 || !hasDatabase(cfg) || cfg.Command != "" || !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if strings.Contains(program, "/go-build") {
		program = "go run ./cmd/multiproc"
	} else {
		program = shellWord(program)
	}
	var quoted []string
	for _, flag := range flags {
		quoted = append(quoted, shellWord(flag))
	}
	words := strings.Join(quoted, " ")
	return []string{program + " populate " + words + " --transactions 1000", program + " createsuperuser " + words}
}

// shellWord quotes a word for a shell, if that is necessary.
func shellWord(word string) string {
	if regexp.MustCompile(`^[\w@%+=:,./-]+$`).MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func (in *instance) logFirstSteps(flags ...string) {
	for _, command := range firstSteps(in.cfg, os.Args[0], flags...) {
		in.log.Info("new database, a command to try next", "command", command)
	}
}

// NoneReady reports whether a server stopped because no worker became ready.
func NoneReady(err error) bool { return errors.Is(err, master.ErrNoneReady) }

// InUse reports whether a server did not start because another process holds an address, the pidfile or the metrics directory.
func InUse(err error) bool {
	return errors.Is(err, listen.ErrInUse) || errors.Is(err, master.ErrRunning) || errors.Is(err, mpmetrics.ErrHeld)
}
