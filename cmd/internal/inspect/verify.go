package inspect

import (
	"fmt"

	urfave "github.com/urfave/cli/v2"

	"multiproc/mpmetrics"
)

func metricsVerifyCommand() *urfave.Command {
	return &urfave.Command{
		Name:   "verify",
		Usage:  "print a line for each fault in the files, and exit with 1 if there is any",
		Flags:  dirFlags(),
		Before: noDirectory,
		Action: verifyMetrics,
	}
}

func verifyMetrics(c *urfave.Context) error {
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	faults, err := mpmetrics.Verify(dir)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(c.App.Writer, fault)
	}
	if n := len(faults); n > 0 {
		return fmt.Errorf("verify %s: faults: %d", dir, n)
	}
	return nil
}
