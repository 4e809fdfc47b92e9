package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"
)

func metricsCommand() *cli.Command {
	return &cli.Command{
		Name:  "metrics",
		Usage: "look into a metrics directory; needs no running server",
		Subcommands: []*cli.Command{
			metricsDumpCommand(),
			metricsVerifyCommand(),
			metricsServeCommand(),
		},
		Action: unknownCommand,
	}
}

func dirFlag() *cli.StringFlag {
	return &cli.StringFlag{
		Name:      "dir",
		Usage:     "the metrics directory `DIR`",
		EnvVars:   []string{metricsDirVariable},
		TakesFile: true,
	}
}

// metricsDir is the directory to look into, which can be read.
func metricsDir(c *cli.Context) (string, error) {
	path := c.String("dir")
	if path == "" {
		return "", usageError{errors.New("no metrics directory: give --dir or set PROMETHEUS_MULTIPROC_DIR")}
	}
	dir, err := os.Open(path)
	if err != nil {
		return "", usageError{err}
	}
	defer dir.Close()
	if _, err := dir.Readdirnames(-1); err != nil {
		return "", usageError{err}
	}
	return path, nil
}
