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
	"multiproc/mpmetrics"
)

func metricsShowCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "show",
		Usage:     "show what is in the files, and which worker counted what",
		ArgsUsage: "[FILE...]",
		Description: "One FILE: its entries as they stand there, a histogram's buckets one by one. Several files, which are of one\n" +
			"directory: a column for each of them, with what would be on the page if it were the only one, and what the page of\n" +
			"all of them has. None: the whole directory, with a column for each process.",
		Flags: dirFlags(
			&urfave.StringFlag{Name: "sample", Usage: "only samples whose lines begin with `NAME`, or that are of the family NAME"},
			matchFlag(), jsonFlag(),
		),
		Before: flagsBefore,
		Action: showMetrics,
	}
}

func showMetrics(c *urfave.Context) error {
	match, err := matcher(c)
	if err != nil {
		return err
	}
	asked, found := c.String("sample"), false
	wanted := func(name, sample string) bool {
		is := (asked == "" || isNamed(name, asked)) && match(sample)
		found = found || is
		return is
	}
	if err := showWanted(c, wanted); err != nil || found || asked == "" && c.String("match") == "" {
		return err
	}
	return fmt.Errorf("show: %w", errNothing)
}

func showWanted(c *urfave.Context, wanted func(name, sample string) bool) error {
	if c.NArg() == 0 {
		dir, err := metricsDir(c)
		if err != nil {
			return err
		}
		return showDirectory(c, dir, wanted)
	}
	paths := c.Args().Slice()
	if dirIsGiven(c) {
		for i, path := range paths {
			if filepath.Base(path) == path {
				paths[i] = filepath.Join(c.String("dir"), path)
			}
		}
	}
	dir, names, err := filesOf(paths)
	if err != nil {
		return err
	}
	return showFiles(c, dir, names, wanted)
}

// isNamed reports whether a sample's name is the one asked for, or one of a family of that name.
func isNamed(sample, asked string) bool {
	rest, ok := strings.CutPrefix(sample, asked)
	return ok && slices.Contains([]string{"", "_total", "_bucket", "_sum", "_count"}, rest)
}

// filesOf are the names of files that are to be in one directory, each once.
func filesOf(paths []string) (dir string, names []string, err error) {
	dir = filepath.Dir(paths[0])
	for _, path := range paths {
		if other := filepath.Dir(path); other != dir {
			return "", nil, cli.Usagef("files of two directories, %s and %s: show takes those of one, see metrics diff", dir, other)
		}
		if name := filepath.Base(path); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return dir, names, checkReadable(dir)
}

// showFiles shows the files that can be shown. The error tells of the others, and of what is wrong with those.
func showFiles(c *urfave.Context, dir string, names []string, wanted func(name, sample string) bool) error {
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
			errs = append(errs, whyNoFile(filepath.Join(dir, name)))
		} else if errs = append(errs, faultsOf(in.Files[i:i+1])); in.Files[i].Type != "" {
			files = append(files, in.Files[i])
		}
	}
	switch {
	case len(files) == 0:
	case len(names) == 1 && c.Bool("json"):
		errs = append(errs, cli.PrintJSON(c.App.Writer, entriesOf(files[0], wanted)))
	case len(names) == 1:
		errs = append(errs, printEntries(c.App.Writer, files[0], wanted))
	default:
		s := sideBySide{}
		for _, f := range files {
			s.Columns = append(s.Columns, f.Name)
			s.files = append(s.files, []*mpmetrics.File{f})
		}
		errs = append(errs, s.print(c, in, wanted))
	}
	return errors.Join(errs...)
}

// whyNoFile says why a file is not among those of its directory.
func whyNoFile(path string) error {
	if _, err := os.Lstat(path); err != nil {
		return err
	}
	return &fs.PathError{Op: "show", Path: path, Err: errors.New("is not named as a metric file is")}
}

func showDirectory(c *urfave.Context, dir string, wanted func(name, sample string) bool) error {
	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return err
	}
	columns := map[*mpmetrics.Process]int{}
	s := sideBySide{}
	for i, p := range in.Processes {
		columns[p] = i
		s.Columns = append(s.Columns, p.ID)
	}
	s.files = make([][]*mpmetrics.File, len(s.Columns))
	for _, f := range in.Files {
		if f.Process != nil {
			at := columns[f.Process]
			s.files[at] = append(s.files[at], f)
		}
	}
	return errors.Join(s.print(c, in, wanted), faultsOf(in.Files))
}

func printEntries(to io.Writer, f *mpmetrics.File, wanted func(name, sample string) bool) error {
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

// shownFile is a file's content in JSON.
type shownFile struct {
	File    string       `json:"file"`
	Entries []shownEntry `json:"entries"`
}

type shownEntry struct {
	Offset int        `json:"offset"`
	Sample string     `json:"sample"`
	Value  jsonValue  `json:"value"`
	Time   *time.Time `json:"time,omitempty"`
	Error  string     `json:"error,omitempty"` // why it is not on the page; the sample is then the key in the file
}

func entriesOf(f *mpmetrics.File, wanted func(name, sample string) bool) shownFile {
	shown := shownFile{File: f.Name, Entries: []shownEntry{}}
	for _, e := range f.AppendEntries(nil) {
		entry := shownEntry{Offset: e.Offset, Sample: e.Sample.String(), Value: jsonValue(e.Value), Time: jsonTime(e.Time)}
		if err := e.Sample.Err(); err != nil {
			entry.Error = err.Error()
		}
		if wanted(e.Sample.Name(), entry.Sample) {
			shown.Entries = append(shown.Entries, entry)
		}
	}
	return shown
}
