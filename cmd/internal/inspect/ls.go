package inspect

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

func lsCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "ls",
		Usage:     "list the metric files with their processes, sizes and faults",
		ArgsUsage: "[FILE[:SECTION]]",
		Description: "STATE shows whether the process is alive: by its lock or, for files of other libraries, by whether a process writes to\n" +
			"the file; unknown if that cannot be seen. CHANGED is the modification time, which tmpfs updates for new series only. Exits with\n" +
			"1 if a file is faulty, or there is none.",
		Flags:           dirFlags(jsonFlag()),
		SkipFlagParsing: true,
		Action:          dirAction(0, list),
	}
}

func list(c *urfave.Context, dir string, _ []string) error {
	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = cli.PrintJSON(c.App.Writer, newListing(dir, in))
	} else {
		err = printListing(c.App.Writer, in)
	}
	if err != nil {
		return err
	}
	if n := countFaulty(in.Files); n > 0 {
		err = fmt.Errorf("ls %s: faulty files: %d", dir, n)
	}
	return errors.Join(err, joinFaults(in.Faults), checkHasFiles(dir))
}

func countFaulty(files []*mpmetrics.File) int {
	n := 0
	for _, f := range files {
		if len(f.Faults) > 0 {
			n++
		}
	}
	return n
}

func printListing(to io.Writer, in *mpmetrics.Inspection) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tSTATE\tTYPE\tMODE\tSERIES\tUSED\tSIZE\tLAYOUT\tCHANGED\tFILE\tFAULTS")
	for _, f := range in.Files {
		id, life, typ, layout := "-", "-", "-", "-"
		if f.Process != nil {
			id, life, typ = cli.Printable(f.Process.ID), f.Process.Liveness.String(), f.Type
		}
		if f.Layout != 0 {
			layout = strconv.Itoa(f.Layout)
		}
		var faults []string
		for _, fault := range f.Faults {
			text := cli.Printable(fault.Err.Error())
			if fault.Offset >= 0 {
				text = fmt.Sprintf("offset %d: %s", fault.Offset, text)
			}
			faults = append(faults, text)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", id, life, typ, orDash(f.Mode), f.Series,
			formatBytes(measure(f.Used)), formatBytes(measure(f.Size)), layout, f.Modified.Format(time.DateTime), cli.Printable(f.Name),
			strings.Join(faults, "; "))
	}
	return w.Flush()
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// listing is the output of ls in JSON.
type listing struct {
	Directory string       `json:"directory"`
	Files     []listedFile `json:"files"`
}

type listedFile struct {
	Name     string             `json:"name"`
	ID       string             `json:"id,omitempty"` // empty, like all that depends on it, if the name is not a metric file's
	Life     mpmetrics.Liveness `json:"life"`
	PID      int                `json:"pid,omitempty"` // 0: unknown
	Type     string             `json:"type,omitempty"`
	Mode     string             `json:"mode,omitempty"`
	Layout   int                `json:"layout,omitempty"` // bytes of a value
	Series   int                `json:"series"`
	Entries  int                `json:"entries"`
	Used     int64              `json:"used_bytes"`
	Size     int64              `json:"size_bytes"`
	Modified time.Time          `json:"modified"`
	Faults   []listedFault      `json:"faults"`
}

type listedFault struct {
	Reason mpmetrics.Reason `json:"reason"`
	Offset *int             `json:"offset,omitempty"` // nil if the whole file is faulty
	Error  string           `json:"error"`
}

func newListing(dir string, in *mpmetrics.Inspection) listing {
	l := listing{Directory: dir, Files: []listedFile{}}
	for _, f := range in.Files {
		listed := listedFile{
			Name: f.Name, Type: f.Type, Mode: f.Mode, Layout: f.Layout, Series: f.Series, Entries: f.Entries,
			Used: f.Used, Size: f.Size, Modified: f.Modified, Faults: []listedFault{},
		}
		if p := f.Process; p != nil {
			listed.ID, listed.Life, listed.PID = p.ID, p.Liveness, p.PID
		}
		for _, fault := range f.Faults {
			entry := listedFault{Reason: fault.Reason, Error: fault.Err.Error()}
			if fault.Offset >= 0 {
				entry.Offset = &fault.Offset
			}
			listed.Faults = append(listed.Faults, entry)
		}
		l.Files = append(l.Files, listed)
	}
	return l
}

func verifyCommand() *urfave.Command {
	return &urfave.Command{
		Name:            "verify",
		Usage:           "print a line for each fault in the files, and exit with 1 if there are any, or no files",
		ArgsUsage:       "[FILE[:SECTION]]",
		Flags:           dirFlags(),
		SkipFlagParsing: true,
		Action:          dirAction(0, verify),
	}
}

func verify(c *urfave.Context, dir string, _ []string) error {
	faults, err := mpmetrics.Verify(dir)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		fmt.Fprintln(c.App.Writer, fault)
	}
	if n := len(faults); n > 0 {
		err = fmt.Errorf("verify %s: faults: %d", dir, n)
	}
	return errors.Join(err, checkHasFiles(dir))
}
