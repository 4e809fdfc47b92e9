package inspect

import (

	"github.com/prometheus/common/expfmt"
	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

func metricsDumpCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "dump",
		Usage: "print what a scrape would get: all processes' metrics, merged",
		Flags: dirFlags(
			&urfave.StringFlag{Name: "format", Usage: "`FORMAT` of the output: text or openmetrics", Value: "text"},
		),
		Before: noDirectory,
		Action: dumpMetrics,
	}
}

func dumpMetrics(c *urfave.Context) error {
	var format expfmt.Format
	switch name := c.String("format"); name {
	case "text":
		format = expfmt.FmtText
	case "openmetrics":
		format = expfmt.FmtOpenMetrics_1_0_0
	default:
		return cli.Usagef("no such format: %s; there are text and openmetrics", name)
	}
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	collector := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{Logger: cli.NewLogger("text", c.App.ErrWriter)})
	defer collector.Close()
	return collector.Write(c.App.Writer, format)
}
