package cli

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"

	"multiproc/cmd/internal/config"

	"github.com/urfave/cli/v2"
)

// TestUsage shows which ways to call an application wrongly are errors of usage.
func TestUsage(t *testing.T) {
	leaf := &cli.Command{
		Name:            "leaf",
		Flags:           config.Flags(&cli.BoolFlag{Name: "json"}),
		SkipFlagParsing: true,
		Action: Action(1, func(c *cli.Context, arguments config.Arguments) error {
			if c.Bool("json") && len(arguments.Operands) == 1 {
				return nil
			}
			return Usage(fs.ErrNotExist)
		}),
	}
	app := &cli.App{
		Name:           "app",
		Writer:         io.Discard,
		ErrWriter:      io.Discard,
		Commands:       []*cli.Command{{Name: "group", Subcommands: []*cli.Command{leaf}, Action: UnknownCommand}},
		Action:         UnknownCommand,
		OnUsageError:   OnUsageError,
		ExitErrHandler: func(*cli.Context, error) {},
	}
	Inherit(app.Commands)
	for line, want := range map[string]string{
		"app":                    "a command is missing",
		"app no":                 "no such command: no",
		"app group":              "a command is missing",
		"app group no":           "no such command: no",
		"app --flag":             "-flag",
		"app group leaf --flag":  "-flag",
		"app group leaf one two": "two",
		"app group leaf":         "file does not exist",
	} {
		err := app.Run(strings.Fields(line))
		if _, ok := errors.AsType[*UsageError](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a usage error with %s", line, err, want)
		}
	}
	if !errors.Is(app.Run([]string{"app", "group", "leaf"}), fs.ErrNotExist) {
		t.Error("a usage error hides its cause")
	}
	for _, line := range []string{"app group leaf one --json", "app group leaf --help"} {
		if err := app.Run(strings.Fields(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}
