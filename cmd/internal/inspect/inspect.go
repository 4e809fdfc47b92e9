// Package inspect implements multiproc metrics, which inspects metrics directories. None of its commands needs a running server or
// changes a file.
package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
)

// Command returns the verb metrics.
func Command() *urfave.Command {
	return &urfave.Command{
		Name:  "metrics",
		Usage: "inspect a metrics directory; needs no running server",
		Subcommands: []*urfave.Command{
			lsCommand(), showCommand(), dumpCommand(), verifyCommand(), watchCommand(), topCommand(), diffCommand(), serveCommand(),
		},
		Action: cli.UnknownCommand,
	}
}

// dirFlags returns a command's own flags and those that name the metrics directory.
func dirFlags(own ...urfave.Flag) []urfave.Flag {
	dir := &urfave.StringFlag{Name: "dir", Usage: "the metrics directory `DIR`, instead of a configuration", EnvVars: []string{config.MetricsDirVariable}}
	return config.Flags(append([]urfave.Flag{dir}, own...)...)
}

func jsonFlag() urfave.Flag { return &urfave.BoolFlag{Name: "json", Usage: "print JSON"} }

func matchFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "match", Usage: "only samples that match the regular expression `REGEXP`, as in '^http_.*code=\"5'"}
}

// dirAction is cli.Action for a command on one directory, which it checks.
func dirAction(operands int, run func(c *urfave.Context, dir string, operands []string) error) urfave.ActionFunc {
	return cli.Action(operands, func(c *urfave.Context, arguments config.Arguments) error {
		dir, err := metricsDir(c, arguments)
		if err != nil {
			return err
		}
		return run(c, dir, arguments.Operands)
	})
}

// metricsDir returns the path of the directory, which is readable.
func metricsDir(c *urfave.Context, arguments config.Arguments) (string, error) {
	path, err := metricsPath(c, arguments)
	if err == nil {
		err = checkReadable(path)
	}
	if err != nil {
		return "", cli.Usage(err)
	}
	return path, nil
}

func metricsPath(c *urfave.Context, arguments config.Arguments) (string, error) {
	for _, file := range arguments.Files {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			return "", fmt.Errorf("%s is a directory: use --dir for a metrics directory", file)
		}
	}
	configured := len(arguments.Files)+len(arguments.Settings) > 0
	switch {
	case configured && dirIsGiven(c):
		return "", errors.New("both --dir and a configuration name a directory: give only one of them")
	case configured:
		arguments.Activated = true // the directory does not depend on the sockets, which systemd may open
		path, err := config.MetricsDir(arguments)
		if err == nil && path == "" {
			err = errors.New("the configuration has neither metrics-dir nor control: give --dir")
		}
		return path, err
	case c.String("dir") != "":
		return c.String("dir"), nil
	case os.Getenv(config.OldMetricsDirVariable) != "":
		fmt.Fprintf(c.App.ErrWriter, "note: %s is an old name: use %s\n", config.OldMetricsDirVariable, config.MetricsDirVariable)
		return os.Getenv(config.OldMetricsDirVariable), nil
	}
	return "", fmt.Errorf("no metrics directory: give --dir or --ini, or set %s", config.MetricsDirVariable)
}

// dirIsGiven reports whether the flag dir is on the command line and not only set by its variable.
func dirIsGiven(c *urfave.Context) bool {
	return c.IsSet("dir") && c.String("dir") != os.Getenv(config.MetricsDirVariable)
}

// checkReadable returns an error unless the path is a directory that can be listed. It does not block on a FIFO.
func checkReadable(path string) error {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer dir.Close()
	_, err = dir.Readdirnames(-1)
	return err
}

// compileMatch returns the predicate of a pattern. The empty pattern matches all samples.
func compileMatch(pattern string) (func(sample string) bool, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, cli.Usage(err)
	}
	return re.MatchString, nil
}

// faultsOf joins the faults of files into one error.
func faultsOf(files []*mpmetrics.File) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, joinFaults(f.Faults))
	}
	return errors.Join(errs...)
}

func joinFaults(faults []*mpmetrics.Fault) error {
	var errs []error
	for _, fault := range faults {
		errs = append(errs, errors.New(fault.String()))
	}
	return errors.Join(errs...)
}

// minInterval keeps commands that read repeatedly from causing most of the load that they show.
const minInterval = 100 * time.Millisecond

func intervalFlag() urfave.Flag {
	return &urfave.DurationFlag{Name: "interval", Usage: "`TIME` between two readings, as in 500ms", Value: time.Second}
}

func interval(c *urfave.Context) (time.Duration, error) {
	d := c.Duration("interval")
	if d < minInterval {
		return 0, cli.Usagef("flag --interval: %s is less than %s", d, minInterval)
	}
	return d, nil
}

// untilStopped returns a context that ends at the first signal to stop. A second signal ends the process.
func untilStopped(c *urfave.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
