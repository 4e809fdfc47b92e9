package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
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
		Usage: "look into a metrics directory; needs no running server",
		Subcommands: []*urfave.Command{
			metricsLsCommand(),
			metricsShowCommand(),
			metricsDumpCommand(),
			metricsVerifyCommand(),
			metricsWatchCommand(),
			metricsTopCommand(),
			metricsDiffCommand(),
			metricsServeCommand(),
		},
		Action: cli.UnknownCommand,
	}
}

// dirFlags are those that say where the metrics directory is.
func dirFlags(more ...urfave.Flag) []urfave.Flag {
	return append([]urfave.Flag{
		&urfave.StringFlag{Name: "dir", Usage: "the metrics directory `DIR`", EnvVars: []string{config.MetricsDirVariable}, TakesFile: true},
		&urfave.StringFlag{Name: "ini", Usage: "that of the server with the configuration `FILE[:SECTION]`", TakesFile: true},
	}, more...)
}

func jsonFlag() urfave.Flag { return &urfave.BoolFlag{Name: "json", Usage: "print JSON"} }

func matchFlag() urfave.Flag {
	return &urfave.StringFlag{Name: "match", Usage: "only samples that match the regular expression `REGEXP`, as in '^http_.*code=\"5'"}
}

// metricsDir is the directory to look into, which can be read.
func metricsDir(c *urfave.Context) (string, error) {
	path, err := metricsPath(c)
	if err != nil {
		return "", cli.Usage(err)
	}
	return path, checkReadable(path)
}

func metricsPath(c *urfave.Context) (string, error) {
	if file := c.String("ini"); file != "" {
		if dirIsGiven(c) {
			return "", errors.New("--dir and --ini both say which directory: give one of them")
		}
		// A server that systemd opens the sockets of has its directory without them.
		path, err := config.MetricsDir(config.Arguments{Files: []string{file}, Activated: true}, config.System{})
		if err == nil && path == "" {
			err = fmt.Errorf("%s names neither metrics-dir nor control: give --dir", file)
		}
		return path, err
	}
	if path := c.String("dir"); path != "" {
		return path, nil
	}
	return "", fmt.Errorf("no metrics directory: give --dir or --ini, or set %s", config.MetricsDirVariable)
}

// dirIsGiven reports whether the flag dir stands on the command line, and is not only that of its variable.
func dirIsGiven(c *urfave.Context) bool {
	return c.IsSet("dir") && c.String("dir") != os.Getenv(config.MetricsDirVariable)
}

// checkReadable refuses what is no directory, without waiting for anybody to write to it, or may not be listed.
func checkReadable(path string) error {
	dir, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	if err != nil {
		return cli.Usage(err)
	}
	defer dir.Close()
	if _, err := dir.Readdirnames(-1); err != nil {
		return cli.Usage(err)
	}
	return nil
}

// matcher reads the flag match. Without it all match.
func matcher(c *urfave.Context) (func(sample string) bool, error) {
	return compileMatch(c.String("match"))
}

func compileMatch(pattern string) (func(sample string) bool, error) {
	if pattern == "" {
		return func(string) bool { return true }, nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, cli.Usage(err)
	}
	return re.MatchString, nil
}

// errNothing is told of samples that were asked for and are not there.
var errNothing = errors.New("no sample is like that")

// noDirectory is the Before of a command that takes only flags, the directory among them.
func noDirectory(c *urfave.Context) error {
	err := cli.NoArguments(c)
	if err != nil {
		err = cli.Usagef("%w: the directory is given by --dir or --ini", err)
	}
	return err
}

// flagsBefore refuses flags that stand where they are not looked for.
func flagsBefore(c *urfave.Context) error {
	for _, arg := range c.Args().Slice() {
		if len(arg) > 1 && strings.HasPrefix(arg, "-") {
			return cli.Usagef("%s: %s: flags go before all else", c.Command.HelpName, arg)
		}
	}
	return nil
}

// faultsOf joins what is wrong with files into the error of a command that has shown all the rest.
func faultsOf(files []*mpmetrics.File) error {
	var errs []error
	for _, f := range files {
		for _, fault := range f.Faults {
			errs = append(errs, errors.New(fault.String()))
		}
	}
	return errors.Join(errs...)
}

// shortestInterval keeps the commands that look again and again from being what there is to be seen.
const shortestInterval = 100 * time.Millisecond

func intervalFlag() urfave.Flag {
	return &urfave.DurationFlag{Name: "interval", Usage: "`TIME` between two looks, as in 500ms", Value: time.Second}
}

func interval(c *urfave.Context) (time.Duration, error) {
	d := c.Duration("interval")
	if d < shortestInterval {
		return 0, cli.Usagef("flag --interval: %s is less than %s", d, shortestInterval)
	}
	return d, nil
}

// untilStopped is a context that ends with a signal that asks for the end. A second one is not waited with.
func untilStopped(c *urfave.Context) (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(c.Context, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}
