package main

import (
	"errors"
	"fmt"
	"io/fs"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
)

func checkCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "check",
		Usage:     "check a configuration, and print each setting with where it comes from",
		ArgsUsage: "--ini FILE [--KEY VALUE...]",
		Description: "--keys       print all keys instead\n" +
			"--snapshot   print the settings as workers get them, JSON",
		SkipFlagParsing: true,
		Action:          check,
	}
}

func check(c *urfave.Context) error {
	arguments, own, err := settingsArguments(c, "keys", "snapshot", "activated")
	if err != nil || own["help"] {
		return err
	}
	if own["keys"] {
		return config.WriteKeys(c.App.Writer)
	}
	arguments.Activated = own["activated"]
	loaded, err := config.Load(arguments, config.System{})
	if err != nil {
		return cli.Usage(err)
	}
	if own["snapshot"] {
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
	if err := checkFiles(c, loaded.Config); err != nil {
		return cli.Usage(err)
	}
	return config.WriteSettings(c.App.Writer, loaded)
}

// checkFiles looks into the files that the settings name, as far as whoever asks may read them: the server may.
func checkFiles(c *urfave.Context, cfg *config.Config) error {
	_, err := newSecretFiles(cli.NewLogger("text", c.App.ErrWriter)).read(cfg)
	for _, err := range []error{err, checkMetricsAuth(cfg.MetricsAuthFile)} {
		switch {
		case errors.Is(err, fs.ErrPermission):
			fmt.Fprintln(c.App.ErrWriter, "not checked:", err)
		case err != nil:
			return err
		}
	}
	return nil
}

// settingsArguments reads the arguments of a command that takes all keys as flags. Asked for help, it has given it.
func settingsArguments(c *urfave.Context, own ...string) (config.Arguments, map[string]bool, error) {
	arguments, given, err := config.ParseArguments(c.Args().Slice(), own...)
	if err != nil {
		return config.Arguments{}, nil, cli.Usage(err)
	}
	if given["help"] {
		err = urfave.ShowSubcommandHelp(c)
	}
	return arguments, given, err
}

// errNoControl is what a command says that has no way to the master.
var errNoControl = errors.New("which server? give --ini FILE, or --control PATH")
