// Command multiproc shows, checks and serves the metrics that the processes of one application share in a
// directory.
package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/urfave/cli/v2"
)

// What the process exits with.
const (
	exitOK     = 0
	exitFailed = 1 // the command could not do what it was asked for
	exitUsage  = 2 // it was asked wrongly: arguments, configuration
)

func main() {
	os.Exit(run(os.Args))
}

// run is one life of the process. The error of a command is its last line.
func run(args []string) int {
	err := newApp().Run(args)
	if err == nil {
		return exitOK
	}
	if err.Error() != "" {
		fmt.Fprintln(os.Stderr, "multiproc:", err)
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

func newApp() *cli.App {
	app := &cli.App{
		Name:            "multiproc",
		Usage:           "metrics of several processes as one",
		HideVersion:     true,
		HideHelpCommand: true,
		Commands:        []*cli.Command{metricsCommand()},
		Action:          unknownCommand,
		OnUsageError:    onUsageError,
		ExitErrHandler:  func(*cli.Context, error) {}, // run decides
	}
	settle(app.Commands)
	return app
}

// settle gives all commands what they do not inherit.
func settle(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = onUsageError
		c.HideHelpCommand = true
		settle(c.Subcommands)
	}
}

// usageError is an error of whoever called, not of what was tried.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func onUsageError(_ *cli.Context, err error, _ bool) error { return usageError{err} }

// unknownCommand is the action of what only has subcommands.
func unknownCommand(c *cli.Context) error {
	if c.NArg() == 0 {
		return errors.Join(cli.ShowSubcommandHelp(c), usageError{errors.New("which command?")})
	}
	return usageError{fmt.Errorf("no such command: %s", c.Args().First())}
}

// noArguments is the Before of a command that takes only flags.
func noArguments(c *cli.Context) error {
	if c.NArg() > 0 {
		return usageError{fmt.Errorf("%s takes no arguments, but got %q", c.Command.HelpName, c.Args().First())}
	}
	return nil
}

// newLogger logs what happens beside a command's output.
func newLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, nil))
}
