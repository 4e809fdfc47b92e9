package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/config"
	"multiproc/mpmetrics"
)

func showCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "show",
		Usage:     "show the content of metric files, and which worker counted what",
		ArgsUsage: "[FILE...]",
		Description: "With one FILE: its entries in order, with one line for each bucket of a histogram. With several, which must be in one\n" +
			"directory: a column for each file, as if it were alone, and a column for the merged page. Without FILE: a column for each\n" +
			"process, and the merged page.",
		Flags: dirFlags(
			&urfave.StringFlag{Name: "sample", Usage: "only samples of the metric `NAME`, or with that name"},
			matchFlag(), jsonFlag(),
		),
		SkipFlagParsing: true,
		Action:          cli.Action(-1, show),
	}
}

// filter selects samples by their name and their line up to the value.
type filter func(name, sample string) bool

func show(c *urfave.Context, arguments config.Arguments) error {
	match, err := compileMatch(c.String("match"))
	if err != nil {
		return err
	}
	name, found := c.String("sample"), false
	wanted := func(sampleName, sample string) bool {
		ok := (name == "" || isNamed(sampleName, name)) && match(sample)
		found = found || ok
		return ok
	}
	if len(arguments.Operands) == 0 {
		err = showDirectory(c, arguments, wanted)
	} else {
		err = showFiles(c, arguments.Operands, wanted)
	}
	if err == nil && !found && (name != "" || c.String("match") != "") {
		err = errors.New("show: no matching sample")
	}
	return err
}

// isNamed reports whether a sample has the name or belongs to the metric with the name.
func isNamed(sample, name string) bool {
	suffix, ok := strings.CutPrefix(sample, name)
	return ok && slices.Contains([]string{"", "_total", "_bucket", "_sum", "_count"}, suffix)
}

// splitPaths returns the common directory of the paths and the file names without duplicates.
func splitPaths(paths []string) (dir string, names []string, err error) {
	dir = filepath.Dir(paths[0])
	for _, path := range paths {
		if other := filepath.Dir(path); other != dir {
			return "", nil, cli.Usagef("the files are in two directories, %s and %s: use metrics diff to compare directories", dir, other)
		}
		if name := filepath.Base(path); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if err := checkReadable(dir); err != nil {
		return "", nil, cli.Usage(err)
	}
	return dir, names, nil
}

// showFiles shows the readable files. The error names the others, and the faults.
func showFiles(c *urfave.Context, paths []string, wanted filter) error {
	if dirIsGiven(c) {
		for i, path := range paths {
			if filepath.Base(path) == path {
				paths[i] = filepath.Join(c.String("dir"), path)
			}
		}
	}
	dir, names, err := splitPaths(paths)
	if err != nil {
		return err
	}
	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{Only: names})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return err
	}
	var errs []error
	var files []*mpmetrics.File
	for _, name := range names {
		if i := slices.IndexFunc(in.Files, func(f *mpmetrics.File) bool { return f.Name == name }); i < 0 {
			errs = append(errs, whyMissing(filepath.Join(dir, name)))
		} else if errs = append(errs, faultsOf(in.Files[i:i+1])); in.Files[i].Type != "" {
			files = append(files, in.Files[i])
		}
	}
	switch {
	case len(files) == 0:
	case len(names) == 1 && c.Bool("json"):
		errs = append(errs, cli.PrintJSON(c.App.Writer, newShownFile(files[0], wanted)))
	case len(names) == 1:
		errs = append(errs, printEntries(c.App.Writer, files[0], wanted))
	default:
		t := compareTable{}
		for _, f := range files {
			t.Columns = append(t.Columns, f.Name)
			t.files = append(t.files, []*mpmetrics.File{f})
		}
		errs = append(errs, t.print(c, in, wanted))
	}
	return errors.Join(errs...)
}

// whyMissing returns the reason why an Inspection does not have a file.
func whyMissing(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	return &fs.PathError{Op: "show", Path: path, Err: errors.New("is not named like a metric file")}
}

func showDirectory(c *urfave.Context, arguments config.Arguments, wanted filter) error {
	dir, err := metricsDir(c, arguments)
	if err != nil {
		return err
	}
	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return err
	}
	columns := map[*mpmetrics.Process]int{}
	t := compareTable{}
	for i, p := range in.Processes {
		columns[p] = i
		t.Columns = append(t.Columns, p.ID)
	}
	t.files = make([][]*mpmetrics.File, len(t.Columns))
	for _, f := range in.Files {
		if f.Process != nil {
			i := columns[f.Process]
			t.files[i] = append(t.files[i], f)
		}
	}
	return errors.Join(t.print(c, in, wanted), faultsOf(in.Files), joinFaults(in.Faults), checkHasFiles(dir))
}

func printEntries(to io.Writer, f *mpmetrics.File, wanted filter) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "OFFSET\tSAMPLE\tVALUE\tTIME")
	for _, e := range f.AppendEntries(nil) {
		sample := e.Sample.String()
		if !wanted(e.Sample.Name(), sample) {
			continue
		}
		at := ""
		if !e.Time.IsZero() {
			at = e.Time.Format("2006-01-02 15:04:05.000")
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", e.Offset, cli.Printable(sample), mpmetrics.FormatValue(e.Value), at)
	}
	return w.Flush()
}

// shownFile is the content of a file in JSON.
type shownFile struct {
	File    string       `json:"file"`
	Entries []shownEntry `json:"entries"`
}

type shownEntry struct {
	Offset int        `json:"offset"`
	Sample string     `json:"sample"`
	Value  jsonValue  `json:"value"`
	Time   *time.Time `json:"time,omitempty"`
	Error  string     `json:"error,omitempty"` // why the entry is not on the page; the sample is the raw key then
}

func newShownFile(f *mpmetrics.File, wanted filter) shownFile {
	shown := shownFile{File: f.Name, Entries: []shownEntry{}}
	for _, e := range f.AppendEntries(nil) {
		entry := shownEntry{Offset: e.Offset, Sample: e.Sample.String(), Value: jsonValue(e.Value)}
		if !e.Time.IsZero() {
			entry.Time = &e.Time
		}
		if err := e.Sample.Err(); err != nil {
			entry.Error = err.Error()
		}
		if wanted(e.Sample.Name(), entry.Sample) {
			shown.Entries = append(shown.Entries, entry)
		}
	}
	return shown
}
