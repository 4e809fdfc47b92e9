package main

import (
	"context"
	"os"

	"github.com/coreos/go-systemd/v22/activation"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
	metricspage "multiproc/cmd/internal/page"
	"multiproc/master"
)

// start is the main job: the server that an ini file and the command line describe, in the foreground.
func start(ctx context.Context, args []string) error {
	from, err := originOf(args)
	if err != nil {
		return err
	}
	arguments, _, err := config.ParseArguments(args)
	if err != nil {
		return cli.Usage(err)
	}
	activated := activation.Files(true) // theirs must not reach the workers
	from.activated = len(activated) > 0
	arguments.Activated = from.activated
	loaded, err := config.Load(arguments, config.System{})
	if err != nil {
		return cli.Usage(err)
	}
	return withClaim(loaded, listen.NewSockets(activated), func(c *claim) error {
		if loaded.Config.Master {
			return supervise(ctx, c, from)
		}
		return alone(ctx, c)
	})
}

// withClaim runs a server with what only one can have.
func withClaim(loaded *config.Loaded, sockets *listen.Sockets, serve func(*claim) error) error {
	claim, err := newClaim(loaded, sockets)
	if err == nil {
		if err = serve(claim); err != nil {
			claim.complain(err)
		}
		claim.close()
	}
	return err
}

// origin is how the process was started, before it changed anything: the next generation is to see the same.
type origin struct {
	program   string // the path that it was called by, links kept
	args      []string
	env       []string
	dir       string
	activated bool

	privileged bool // privileges are given up later
}

func originOf(args []string) (origin, error) {
	dir, err := os.Getwd()
	if err != nil {
		return origin{}, err
	}
	program, err := master.Invoked(os.Args[0])
	if err != nil {
		return origin{}, err
	}
	return origin{program: program, args: args, env: os.Environ(), dir: dir}, nil
}

// check is the command with which the program prints what these arguments mean to it.
func (o origin) check(cfg *config.Config) []string {
	args := []string{"multiproc", "check", "--snapshot"}
	if o.activated {
		args = append(args, "--activated")
	}
	args = append(args, o.args...)
	if o.privileged && cfg.Control != "" {
		// Another user's would be elsewhere by default.
		args = append(args, "--control="+cfg.Control)
	}
	return args
}

// supervise is the life of a master.
func supervise(ctx context.Context, c *claim, from origin) error {
	from.privileged = c.privileges != nil
	plans := &planner{first: c.cfg, origin: from, metricsDir: c.metricsDir, activated: c.sockets.Activated(), secrets: newSecretFiles(c.log)}
	plan, err := plans.plan(c.cfg)
	if err != nil {
		return cli.Usage(err)
	}
	control, err := c.control()
	if err != nil {
		return err
	}
	health, err := c.health()
	if err != nil {
		return err
	}
	statsListeners, err := c.stats()
	if err != nil {
		return err
	}
	showName(c.cfg.ProcnamePrefix + "multiproc")
	m, err := master.New(master.Config{
		Plan:     plan,
		Program:  from.program,
		Sockets:  c.sockets,
		Check:    from.check(c.cfg),
		CheckEnv: from.env,
		CheckDir: from.dir,
		Read:     plans.read,
		Control:  control,
		Health:   health,
		Pidfile:  c.pidfile,
		Unlink:   c.cfg.Vacuum,
		Reopen:   c.reopen,
		Logger:   c.log,
	})
	if err != nil {
		return err
	}
	if err := c.enter(); err != nil {
		return err
	}
	plans.secrets.warnUnreadable(c.cfg)
	if err := checkMetricsAuth(c.cfg.MetricsAuthFile); err != nil { // as the user who will read it
		return cli.Usage(err)
	}
	metrics, err := metricspage.NewMaster(metricspage.MasterOptions{
		Path: c.metricsDir, Directory: c.directory, MaxSeries: c.cfg.MetricsMaxSeries, Logger: c.log,
	})
	if err != nil {
		return err
	}
	defer metrics.Close()
	hooks := metrics.Hooks()
	if len(statsListeners) > 0 {
		stats := newStatsServer(statsListeners, c.cfg.StatsHTTP, c.metricsDir, c.log)
		defer stats.close()
		hooks = stats.join(hooks)
	}
	return m.Run(ctx, hooks)
}
