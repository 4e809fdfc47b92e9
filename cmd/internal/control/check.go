package control

import (
	"fmt"
	"log/slog"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
)

// CheckFiles reads and checks the files that settings name. It returns the errors of files that only the server's user may read
// apart from the first fault.
type CheckFiles func(cfg *config.Config, log *slog.Logger) (unchecked []error, err error)

// CheckCommand returns the verb that checks a configuration.
func CheckCommand(checkFiles CheckFiles) *urfave.Command {
	return &urfave.Command{
		Name:      "check",
		Usage:     "check a configuration and print each setting with its origin",
		ArgsUsage: "[FILE[:SECTION]]",
		Flags: config.Flags(
			&urfave.BoolFlag{Name: "keys", Usage: "list all keys instead"},
			&urfave.BoolFlag{Name: "snapshot", Usage: "print the settings as JSON, as workers get them"},
			&urfave.BoolFlag{Name: "activated", Usage: "the sockets come from systemd, so the key socket may be missing"},
		),
		SkipFlagParsing: true,
		Action: cli.Action(0, func(c *urfave.Context, arguments config.Arguments) error {
			return check(c, arguments, checkFiles)
		}),
	}
}

func check(c *urfave.Context, arguments config.Arguments, checkFiles CheckFiles) error {
	if c.Bool("keys") {
		return config.WriteKeys(c.App.Writer)
	}
	arguments.Activated = c.Bool("activated")
	arguments.Again = c.Bool("snapshot") // for a reload
	loaded, err := config.Load(arguments)
	if err != nil {
		return cli.Usage(err)
	}
	if c.Bool("snapshot") {
		data, err := loaded.Config.Snapshot()
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(data)
		return err
	}
	for _, note := range loaded.Notes {
		fmt.Fprintln(c.App.ErrWriter, note)
	}
	unchecked, err := checkFiles(loaded.Config, cli.NewLogger("text", c.App.ErrWriter))
	for _, err := range unchecked {
		fmt.Fprintln(c.App.ErrWriter, "not checked:", err)
	}
	if err != nil {
		return cli.Usage(err)
	}
	return config.WriteSettings(c.App.Writer, loaded)
}
