// Command multiproc runs a master with workers that share its sockets, and shows, checks and serves the metrics that the
// processes of one application share in a directory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/control"
	"multiproc/cmd/internal/dbtool"
	"multiproc/cmd/internal/inspect"
	"multiproc/cmd/internal/scaffold"
	"multiproc/cmd/internal/server"
	"multiproc/internal/osfile"
)

// exitCode is the exit code of the process.
type exitCode int

const (
	exitOK        exitCode = 0 // the server was asked to stop, or the command did its work
	exitFailed    exitCode = 1 // the command failed
	exitUsage     exitCode = 2 // wrong arguments or configuration
	exitNoneReady exitCode = 3 // no worker became ready
	exitInUse     exitCode = 4 // another process holds an address, the pidfile or the metrics directory
)

func exitCodeOf(err error) exitCode {
	_, usage := errors.AsType[*cli.UsageError](err)
	switch {
	case err == nil:
		return exitOK
	case server.NoneReady(err):
		return exitNoneReady
	case server.InUse(err):
		return exitInUse
	case usage:
		return exitUsage
	}
	return exitFailed
}

func main() {
	os.Exit(int(run(os.Args)))
}

func run(args []string) exitCode {
	var err error
	if app := newApp(); asksVersion(args[1:]) {
		err = app.Run(append([]string{args[0], "version"}, args[2:]...))
	} else if startsServer(app, args[1:]) {
		err = server.Run(context.Background(), args[1:])
		if errors.Is(err, flag.ErrHelp) {
			err = app.Run([]string{args[0], "--help"})
		}
	} else {
		err = app.Run(args)
	}
	if err != nil {
		printError(err)
	}
	return exitCodeOf(err)
}

// printError prints the error as the last line. It does not wait long for a reader of stderr.
func printError(err error) {
	printed := make(chan struct{})
	go func() {
		defer close(printed)
		fmt.Fprintln(os.Stderr, "multiproc:", osfile.ExplainLimit(err))
	}()
	select {
	case <-printed:
	case <-time.After(cli.FlushTimeout):
	}
}

// startsServer reports whether the arguments are those of a server: flags, or an ini file.
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
multiproc --version

"multiproc check --keys" lists the keys.`

func newApp() *urfave.App {
	app := &urfave.App{
		Name:            "multiproc",
		Usage:           "a pre-fork server with one page of metrics for all its workers",
		UsageText:       usageText,
		HideVersion:     true,
		HideHelpCommand: true,
		Flags:           []urfave.Flag{urfave.HelpFlag}, // which urfave adds only without a command "help"
		Commands: []*urfave.Command{
			control.CheckCommand(server.CheckFiles),
			control.StatusCommand(),
			control.ReloadCommand(),
			control.StopCommand(),
			dbtool.MigrateCommand(),
			dbtool.CreateSuperuserCommand(),
			dbtool.ChangePasswordCommand(),
			dbtool.PopulateCommand(),
			dbtool.TokenCommand(),
			server.RunserverCommand(),
			scaffold.Command(),
			inspect.Command(),
			helpCommand(),
			versionCommand(),
			server.WorkerCommand(),
			server.ExporterCommand(),
		},
		Action:         cli.UnknownCommand,
		OnUsageError:   cli.OnUsageError,
		ExitErrHandler: func(*urfave.Context, error) {}, // main exits
	}
	cli.Inherit(app.Commands)
	return app
}
