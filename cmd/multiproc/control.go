package main

import (
	"errors"
	"fmt"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/master"
)

// The commands that ask a running master, through its control socket.

func statusCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "status",
		Usage:           "show the workers of a running server",
		ArgsUsage:       "--ini FILE [--json]",
		SkipFlagParsing: true,
		Action:          showStatus,
	}
}

func reloadCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "reload",
		Usage:           "replace all workers without losing a request; wait for the outcome",
		ArgsUsage:       "--ini FILE [--json]",
		SkipFlagParsing: true,
		Action:          reload,
	}
}

func stopCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "stop",
		Usage:           "stop a running server, and wait until it has",
		ArgsUsage:       "--ini FILE [--fast]",
		SkipFlagParsing: true,
		Action:          stop,
	}
}

// clientOf is the way to the master of the configuration that the arguments name.
func clientOf(c *urfave.Context, own ...string) (*master.Client, map[string]bool, error) {
	arguments, given, err := settingsArguments(c, own...)
	if err != nil || given["help"] {
		return nil, given, err
	}
	// A server that systemd opens the sockets of is asked without them.
	arguments.Activated = true
	path, err := config.ControlPath(arguments, config.System{})
	if err != nil {
		return nil, nil, cli.Usage(err)
	}
	if path == "" {
		return nil, nil, cli.Usage(errNoControl)
	}
	return master.NewClient(path), given, nil
}

func showStatus(c *urfave.Context) error {
	client, given, err := clientOf(c, "json")
	if err != nil || client == nil {
		return err
	}
	s, err := client.Status(c.Context)
	if err != nil {
		return err
	}
	if given["json"] {
		return cli.PrintJSON(c.App.Writer, s)
	}
	return printStatus(c.App.Writer, s, time.Now())
}

func reload(c *urfave.Context) error {
	client, given, err := clientOf(c, "json")
	if err != nil || client == nil {
		return err
	}
	outcome, err := client.Reload(c.Context)
	if err != nil {
		return err
	}
	if given["json"] {
		if err := cli.PrintJSON(c.App.Writer, outcome); err != nil {
			return err
		}
	}
	if !outcome.OK {
		err := fmt.Errorf("reload: %w", errors.New(outcome.Error))
		if outcome.Generation > 0 {
			err = fmt.Errorf("%w; generation %d goes on", err, outcome.Generation)
		}
		return err
	}
	if !given["json"] {
		fmt.Fprintf(c.App.Writer, "reloaded: generation %d\n", outcome.Generation)
	}
	return nil
}

func stop(c *urfave.Context) error {
	client, given, err := clientOf(c, "fast")
	if err != nil || client == nil {
		return err
	}
	return client.Stop(c.Context, given["fast"])
}
