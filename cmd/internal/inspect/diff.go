package inspect

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

func metricsDiffCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "diff",
		Usage:     "show what has changed between two directories or saved pages, and by how much",
		ArgsUsage: "A B",
		Description: "A and B are metrics directories, or files with what \"metrics dump\" or a scrape has printed; one may be - for\n" +
			"stdin. A line begins with + where the sample is in B alone, with - where it is in A alone.",
		Flags: []urfave.Flag{matchFlag(), jsonFlag()},
		Before: func(c *urfave.Context) error {
			if err := flagsBefore(c); err != nil {
				return err
			}
			if c.NArg() != 2 {
				return cli.Usagef("diff takes two directories or files: multiproc metrics diff A B")
			}
			return nil
		},
		Action: diffMetrics,
	}
}

func diffMetrics(c *urfave.Context) error {
	match, err := matcher(c)
	if err != nil {
		return err
	}
	a, errA := readPage(c.Args().Get(0))
	b, errB := readPage(c.Args().Get(1))
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	found := slices.DeleteFunc(changes(a, b), func(ch change) bool { return !match(ch.sample) })
	if c.Bool("json") {
		return cli.PrintJSON(c.App.Writer, diffOf(found))
	}
	return printDiff(c.App.Writer, found)
}

func printDiff(to io.Writer, found []change) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, ch := range found {
		sample := cli.Printable(ch.sample)
		switch {
		case ch.before == nil:
			fmt.Fprintf(w, "+\t%s\t\t\t%s\t\n", sample, mpmetrics.FormatValue(*ch.after))
		case ch.after == nil:
			fmt.Fprintf(w, "-\t%s\t%s\t\t\t\n", sample, mpmetrics.FormatValue(*ch.before))
		default:
			fmt.Fprintf(w, "\t%s\t%s\t->\t%s\t%s\n", sample, mpmetrics.FormatValue(*ch.before), mpmetrics.FormatValue(*ch.after), signed(ch.delta()))
		}
	}
	return w.Flush()
}

// diff is what has changed, in JSON.
type diff struct {
	Changed []diffChanged `json:"changed"`
	Added   []diffSample  `json:"added"`
	Removed []diffSample  `json:"removed"`
}

type diffChanged struct {
	Sample string    `json:"sample"`
	Before jsonValue `json:"before"`
	After  jsonValue `json:"after"`
	Delta  jsonValue `json:"delta"`
}

type diffSample struct {
	Sample string    `json:"sample"`
	Value  jsonValue `json:"value"`
}

func diffOf(found []change) diff {
	d := diff{[]diffChanged{}, []diffSample{}, []diffSample{}}
	for _, ch := range found {
		switch {
		case ch.before == nil:
			d.Added = append(d.Added, diffSample{ch.sample, jsonValue(*ch.after)})
		case ch.after == nil:
			d.Removed = append(d.Removed, diffSample{ch.sample, jsonValue(*ch.before)})
		default:
			d.Changed = append(d.Changed, diffChanged{ch.sample, jsonValue(*ch.before), jsonValue(*ch.after), jsonValue(ch.delta())})
		}
	}
	return d
}
