package cli

import (
	"errors"
	"flag"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/config"
)

// Action returns the action of a command with SkipFlagParsing and config.Flags. It parses the arguments, of which operands are
// the command's own (see config.ParseFlags), prints help if that was requested, and else calls run.
func Action(operands int, run func(*urfave.Context, config.Arguments) error) urfave.ActionFunc {
	return func(c *urfave.Context) error {
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
