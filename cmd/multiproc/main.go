// Command multiproc runs a master with workers that share its sockets, and shows, checks and serves the metrics that the
// processes of one application share in a directory.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/dbtool"
	"multiproc/cmd/internal/inspect"
	"multiproc/cmd/internal/scaffold"
)

func main() {
	os.Exit(int(run(os.Args)))
}

// run is one life of the process. The error of a command is its last line.
func run(args []string) exitCode {
	var err error
	if app := newApp(); startsServer(app, args[1:]) {
		err = start(context.Background(), args[1:])
	} else {
		err = app.Run(args)
	}
	if err != nil {
		printError(err)
	}
	return exitCodeOf(err)
}

// printError says what went wrong, if anybody reads it.
func printError(err error) {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		fmt.Fprintln(os.Stderr, "multiproc:", err)
	}()
	select {
	case <-printed:
	case <-time.After(cli.FlushTimeout):
	}
}

// startsServer reports whether the arguments are those of a server: flags that are keys, or a plain ini file. Which keys
// there are is not for the flag parser of the commands to know.
func startsServer(app *urfave.App, args []string) bool {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || app.Command(args[0]) != nil {
		return false
	}
	if strings.HasPrefix(args[0], "-") {
		return true
	}
	path, _, _ := strings.Cut(args[0], ":")
	_, err := os.Stat(path)
	return err == nil || strings.HasSuffix(path, ".ini")
}

const usageText = `multiproc --ini FILE[:SECTION] [--KEY VALUE...]   start a master and its workers
multiproc FILE[:SECTION] [--KEY VALUE...]         the same
multiproc COMMAND ...

"multiproc check --keys" lists the keys.`

func newApp() *urfave.App {
	app := &urfave.App{
		Name:            "multiproc",
		Usage:           "a pre-fork server whose workers' metrics are one page",
		UsageText:       usageText,
		HideVersion:     true,
		HideHelpCommand: true,
		Commands: []*urfave.Command{
			checkCommand(),
			statusCommand(),
			reloadCommand(),
			stopCommand(),
			dbtool.MigrateCommand(),
			dbtool.CreateSuperuserCommand(),
			dbtool.ChangePasswordCommand(),
			dbtool.PopulateCommand(),
			dbtool.TokenCommand(),
			runserverCommand(),
			scaffold.Command(),
			inspect.Command(),
			helpCommand(),
			workerCommand(),
		},
		Action:         cli.UnknownCommand,
		OnUsageError:   cli.OnUsageError,
		ExitErrHandler: func(*urfave.Context, error) {}, // run decides
	}
	cli.Inherit(app.Commands)
	return app
}
