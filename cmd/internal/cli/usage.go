// Package cli holds what the commands share: usage errors, the parsing of flags, printing and the logger.
package cli

import (
	"errors"
	"flag"
	"fmt"

	"github.com/urfave/cli/v2"

	"multiproc/cmd/internal/config"
)

// UsageError is an error in the arguments of a command or in its configuration.
type UsageError struct{ err error }

func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap returns the marked error.
func (e *UsageError) Unwrap() error { return e.err }

// Usage marks an error as one of usage.
func Usage(err error) error { return &UsageError{err} }

// Usagef is Usage of fmt.Errorf.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Inherit sets in all commands, at any depth, what urfave/cli does not pass on to subcommands and flags.
func Inherit(commands []*cli.Command) {
	for _, c := range commands {
		c.OnUsageError = OnUsageError
		for _, flag := range c.Flags {
			if b, ok := flag.(*cli.BoolFlag); ok {
				b.DisableDefaultText = true // all are false by default
			}
		}
		c.HideHelpCommand = true
		Inherit(c.Subcommands)
	}
}

// OnUsageError marks the errors of urfave/cli's flag parser.
func OnUsageError(_ *cli.Context, err error, _ bool) error { return Usage(err) }

// UnknownCommand is the action of a command that only has subcommands.
func UnknownCommand(c *cli.Context) error {
	if c.NArg() == 0 {
		return errors.Join(cli.ShowSubcommandHelp(c), Usagef("a command is missing"))
	}
	return Usagef("no such command: %s", c.Args().First())
}

// Action returns the action of a command with SkipFlagParsing and config.Flags. It parses the arguments, of which operands are
// the command's own (see config.ParseFlags), prints help if that was requested, and else calls run.
func Action(operands int, run func(*cli.Context, config.Arguments) error) cli.ActionFunc {
	return func(c *cli.Context) error {
		arguments, err := config.ParseFlags(c, operands)
		switch {
		case errors.Is(err, flag.ErrHelp):
			return nil
		case err != nil:
			return Usage(err)
		}
		return run(c, arguments)
	}
}
