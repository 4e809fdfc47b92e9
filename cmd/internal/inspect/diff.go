package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
)

func diffCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "diff",
		Usage:     "show the differences between two directories or saved pages",
		ArgsUsage: "A B",
		Description: "A and B are metrics directories, or files with the output of \"metrics dump\" or a scrape; one of them may be - for standard\n" +
			"input. A line begins with + if only B has the sample, and with - if only A has it.",
		Flags:           []urfave.Flag{matchFlag(), jsonFlag()},
		SkipFlagParsing: true,
		Action:          cli.Action(-1, diff),
	}
}

func diff(c *urfave.Context, arguments config.Arguments) error {
	if len(arguments.Operands) != 2 || len(arguments.Files)+len(arguments.Settings) > 0 {
		return cli.Usagef("diff takes two directories or files: multiproc metrics diff A B")
	}
	match, err := compileMatch(c.String("match"))
	if err != nil {
		return err
	}
	a, errA := readSamples(arguments.Operands[0], c.App.ErrWriter)
	b, errB := readSamples(arguments.Operands[1], c.App.ErrWriter)
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	found := slices.DeleteFunc(changes(a, b), func(ch change) bool { return !match(ch.sample) })
	if c.Bool("json") {
		return cli.PrintJSON(c.App.Writer, newDiffJSON(found))
	}
	return printDiff(c.App.Writer, found)
}

// readSamples reads a directory or a saved page; - is standard input. Faults in the files of a directory are notes on stderr. A
// directory without metric files is an error: it is likely the wrong one, and would compare as equal to another empty one.
func readSamples(path string, stderr io.Writer) (samples, error) {
	if path == "-" {
		return parsePage("stdin", os.Stdin)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, cli.Usage(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, cli.Usage(err)
	}
	if !info.IsDir() {
		return parsePage(path, file)
	}
	inspector := mpmetrics.NewInspector(path, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return nil, cli.Usage(err)
	}
	if err := checkHasFiles(path); err != nil {
		return nil, err
	}
	if err := errors.Join(faultsOf(in.Files), joinFaults(in.Faults)); err != nil {
		fmt.Fprintf(stderr, "note: faults in %s:\n%v\n", path, err)
	}
	return samplesOf(in, func(string) bool { return true }), nil
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

// diffJSON is the output of diff in JSON.
type diffJSON struct {
	Changed []changedSample `json:"changed"`
	Added   []oneSample     `json:"added"`
	Removed []oneSample     `json:"removed"`
}

type changedSample struct {
	Sample string    `json:"sample"`
	Before jsonValue `json:"before"`
	After  jsonValue `json:"after"`
	Delta  jsonValue `json:"delta"`
}

type oneSample struct {
	Sample string    `json:"sample"`
	Value  jsonValue `json:"value"`
}

func newDiffJSON(found []change) diffJSON {
	d := diffJSON{[]changedSample{}, []oneSample{}, []oneSample{}}
	for _, ch := range found {
		switch {
		case ch.before == nil:
			d.Added = append(d.Added, oneSample{ch.sample, jsonValue(*ch.after)})
		case ch.after == nil:
			d.Removed = append(d.Removed, oneSample{ch.sample, jsonValue(*ch.before)})
		default:
			d.Changed = append(d.Changed, changedSample{ch.sample, jsonValue(*ch.before), jsonValue(*ch.after), jsonValue(ch.delta())})
		}
	}
	return d
}
