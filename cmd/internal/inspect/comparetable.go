package inspect

import (
	"bufio"
	"fmt"
	"io"
	"unicode/utf8"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

// compareTable shows the samples of several files or processes side by side. It is the output in JSON, too.
type compareTable struct {
	Columns []string     `json:"columns"`
	Rows    []compareRow `json:"rows"`

	files [][]*mpmetrics.File // of each column
}

type compareRow struct {
	Sample string               `json:"sample"`
	Type   string               `json:"type"`
	Values map[string]jsonValue `json:"values"`           // by column; without those that lack the sample
	Merged *jsonValue           `json:"merged,omitempty"` // nil if the page has a line for each process, or none
}

func (t *compareTable) print(c *urfave.Context, in *mpmetrics.Inspection, wanted filter) error {
	rows := in.Compare(t.files, wanted)
	if !c.Bool("json") {
		return t.printText(c.App.Writer, rows)
	}
	t.Rows = make([]compareRow, len(rows))
	for i, row := range rows {
		shown := compareRow{Sample: row.Sample, Type: row.Type, Values: map[string]jsonValue{}}
		for _, part := range row.Parts {
			shown.Values[t.Columns[part.Column]] = jsonValue(part.Value)
		}
		if row.OnPage {
			shown.Merged = new(jsonValue(row.Merged))
		}
		t.Rows[i] = shown
	}
	return cli.PrintJSON(c.App.Writer, t)
}

// printText aligns the columns without a tabwriter, which is slow with thousands of them.
func (t *compareTable) printText(to io.Writer, rows []mpmetrics.Row) error {
	sample, merged := len("SAMPLE"), len("MERGED")
	widths := make([]int, len(t.Columns))
	for i, column := range t.Columns {
		widths[i] = utf8.RuneCountInString(cli.Printable(column))
	}
	for _, row := range rows {
		sample = max(sample, utf8.RuneCountInString(cli.Printable(row.Sample)))
		merged = max(merged, len(mpmetrics.FormatValue(row.Merged)))
		for _, part := range row.Parts {
			widths[part.Column] = max(widths[part.Column], len(mpmetrics.FormatValue(part.Value)))
		}
	}
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "%-*s", sample, "SAMPLE")
	for i, column := range t.Columns {
		fmt.Fprintf(w, "  %*s", widths[i], cli.Printable(column))
	}
	fmt.Fprintf(w, "  %*s\n", merged, "MERGED")
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s", sample, cli.Printable(row.Sample))
		parts := row.Parts
		for i := range t.Columns {
			value := "-"
			if len(parts) > 0 && parts[0].Column == i {
				value, parts = mpmetrics.FormatValue(parts[0].Value), parts[1:]
			}
			fmt.Fprintf(w, "  %*s", widths[i], value)
		}
		value := "-"
		if row.OnPage {
			value = mpmetrics.FormatValue(row.Merged)
		}
		fmt.Fprintf(w, "  %*s\n", merged, value)
	}
	return w.Flush()
}
