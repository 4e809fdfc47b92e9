// Package control implements the verbs that check a configuration and that control a running master through its control socket.
package control

import (
	"errors"
	"fmt"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/master"
)

// StatusCommand returns the verb that shows a server's status.
func StatusCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "status",
		Usage:           "show the workers of a running server",
		ArgsUsage:       "[FILE[:SECTION]]",
		Flags:           config.Flags(jsonFlag()),
		SkipFlagParsing: true,
		Action:          clientAction(showStatus),
	}
}

// ReloadCommand returns the verb that reloads a server.
func ReloadCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "reload",
		Usage:           "replace all workers without losing a request, and wait for the outcome",
		ArgsUsage:       "[FILE[:SECTION]]",
		Flags:           config.Flags(jsonFlag()),
		SkipFlagParsing: true,
		Action:          clientAction(reload),
	}
}

// StopCommand returns the verb that stops a server.
func StopCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "stop",
		Usage:           "stop a running server, and wait until it has stopped",
		ArgsUsage:       "[FILE[:SECTION]]",
		Flags:           config.Flags(&urfave.BoolFlag{Name: "fast", Usage: "cancel requests instead of waiting for them"}),
		SkipFlagParsing: true,
		Action: clientAction(func(c *urfave.Context, client *master.Client) error {
			return client.Stop(c.Context, c.Bool("fast"))
		}),
	}
}

func jsonFlag() urfave.Flag { return &urfave.BoolFlag{Name: "json", Usage: "print JSON"} }

// clientAction returns the action of a verb that needs the master of the configuration in its arguments.
func clientAction(run func(*urfave.Context, *master.Client) error) urfave.ActionFunc {
	return cli.Action(0, func(c *urfave.Context, arguments config.Arguments) error {
		arguments.Activated = true // the server may have its sockets from systemd
		path, err := config.ControlPath(arguments)
		if err == nil && path == "" {
			err = errors.New("which server? give --ini FILE or --control PATH")
		}
		if err != nil {
			return cli.Usage(err)
		}
		return run(c, master.NewClient(path))
	})
}

func showStatus(c *urfave.Context, client *master.Client) error {
	s, err := client.Status(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		return cli.PrintJSON(c.App.Writer, s)
	}
	return printStatus(c.App.Writer, s, time.Now())
}

func reload(c *urfave.Context, client *master.Client) error {
	outcome, err := client.Reload(c.Context)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		if err := cli.PrintJSON(c.App.Writer, outcome); err != nil {
			return err
		}
	}
	if !outcome.OK {
		err := fmt.Errorf("reload: %w", errors.New(outcome.Error))
		if outcome.Generation > 0 {
			err = fmt.Errorf("%w; generation %d keeps serving", err, outcome.Generation)
		}
		return err
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.App.Writer, "reloaded: generation %d\n", outcome.Generation)
	}
	return nil
}
