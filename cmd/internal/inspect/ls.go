package inspect

import (
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

func metricsLsCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "ls",
		Usage: "list the metric files: whose each is, whether that process lives, and what is in it",
		Description: "LIFE is that of the process: by its lock, or where it has none by the process that its id names and that has\n" +
			"the file open; unknown where nothing tells. CHANGED is when the file system saw the last write: on tmpfs, which does\n" +
			"not see what goes through mappings, that of the last new series. Exits with 1 if a file is faulty.",
		Flags:  dirFlags(jsonFlag()),
		Before: noDirectory,
		Action: listMetrics,
	}
}

func listMetrics(c *urfave.Context) error {
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	in, err := inspector.Look()
	if err != nil {
		return err
	}
	if c.Bool("json") {
		err = cli.PrintJSON(c.App.Writer, listingOf(dir, in))
	} else {
		err = printListing(c.App.Writer, in)
	}
	if err != nil {
		return err
	}
	faulty := 0
	for _, f := range in.Files {
		if len(f.Faults) > 0 {
			faulty++
		}
	}
	if faulty > 0 {
		return fmt.Errorf("ls %s: faulty files: %d", dir, faulty)
	}
	return nil
}

func printListing(to io.Writer, in *mpmetrics.Inspection) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tLIFE\tTYPE\tMODE\tSERIES\tUSED\tSIZE\tLAYOUT\tCHANGED\tFILE\tFAULTS")
	for _, f := range in.Files {
		id, life, typ := "-", "-", "-"
		if f.Process != nil {
			id, life, typ = cli.Printable(f.Process.ID), f.Process.Liveness.String(), f.Type
		}
		layout := "-"
		if f.Layout != 0 {
			layout = strconv.Itoa(f.Layout)
		}
		var faults []string
		for _, fault := range f.Faults {
			faults = append(faults, faultText(fault))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", id, life, typ, orDash(f.Mode), f.Series,
			formatBytes(float64(f.Used)), formatBytes(float64(f.Size)), layout, f.Modified.Format(time.DateTime), cli.Printable(f.Name),
			strings.Join(faults, "; "))
	}
	return w.Flush()
}

// faultText is what is wrong with a file whose name is told already.
func faultText(f *mpmetrics.Fault) string {
	text := cli.Printable(f.Err.Error())
	if f.Offset >= 0 {
		text = fmt.Sprintf("offset %d: %s", f.Offset, text)
	}
	return text
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// listing is ls in JSON.
type listing struct {
	Directory string       `json:"directory"`
	Files     []listedFile `json:"files"`
}

type listedFile struct {
	Name     string             `json:"name"`
	ID       string             `json:"id,omitempty"` // empty, as all that depends on it, where the name is no metric file's
	Life     mpmetrics.Liveness `json:"life"`
	PID      int                `json:"pid,omitempty"` // 0: not known
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
	Offset *int             `json:"offset,omitempty"` // absent where it is the file as a whole
	Error  string           `json:"error"`
}

func listingOf(dir string, in *mpmetrics.Inspection) listing {
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
