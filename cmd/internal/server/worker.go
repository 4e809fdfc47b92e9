package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/worker/handoff"
)

// WorkerCommand returns the verb with which a master starts workers.
func WorkerCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "worker",
		Usage:           "run a worker; started by a master only",
		ArgsUsage:       "[-- PROGRAM ARG...]",
		Hidden:          true,
		SkipFlagParsing: true,
		Action:          runWorker,
	}
}

// runWorker runs a worker: another program, which replaces this process, or this program's own.
func runWorker(c *urfave.Context) error {
	args := c.Args().Slice()
	if len(args) > 1 && args[0] == "--" {
		path, err := exec.LookPath(args[1])
		if err != nil {
			return err
		}
		return handoff.Become(path, args[1:])
	}
	if len(args) > 0 {
		return cli.Usagef("worker: unexpected argument %q", args[0])
	}
	return runInherited(c, process.serve)
}

// runInherited serves as a process that a master has started.
func runInherited(c *urfave.Context, serve func(process, context.Context) error) error {
	if err := handoff.AdoptEnviron(); err != nil {
		return err
	}
	in, err := handoff.Inherit()
	if err != nil {
		return err
	}
	if in.Config == nil {
		return errors.Join(cli.Usagef("%s: no settings: it is started by a master", c.Command.Name), in.Close())
	}
	cfg, err := config.ParseSnapshot(in.Config)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	secrets, err := unpackSecrets(in.Secrets)
	if err != nil {
		return errors.Join(err, in.Close())
	}
	setProcessName(filepath.Base(os.Args[0]))
	direct := cli.NewLogger(cfg.LogFormat, os.Stderr).With("worker", in.Identity.ID)
	queue := newLogQueue(os.Stderr, direct)
	defer queue.close()
	p := process{
		cfg:        cfg,
		inherited:  in,
		secrets:    secrets,
		identity:   in.Identity,
		metricsDir: os.Getenv(config.MetricsDirVariable),
		log:        cli.NewLogger(cfg.LogFormat, queue).With("worker", in.Identity.ID),
		accessLog:  direct,
	}
	return serve(p, c.Context)
}

// setProcessName sets the name that ps and top show. The program was started through its descriptor, whose number they would
// show otherwise.
func setProcessName(name string) {
	_ = os.WriteFile(fmt.Sprintf("/proc/self/task/%d/comm", os.Getpid()), []byte(name), 0) // cosmetic
}
