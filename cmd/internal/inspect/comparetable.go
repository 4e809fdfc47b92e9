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

// sideBySide is what several files or processes have, in JSON.
type sideBySide struct {
	Columns []string   `json:"columns"`
	Rows    []shownRow `json:"rows"`

	files [][]*mpmetrics.File // of the columns
}

type shownRow struct {
	Sample string               `json:"sample"`
	Type   string               `json:"type"`
	Values map[string]jsonValue `json:"values"`           // by column, of those that have any
	Merged *jsonValue           `json:"merged,omitempty"` // absent where the page has a line for each process instead, or none
}

func (s *sideBySide) print(c *urfave.Context, in *mpmetrics.Inspection, wanted func(name, sample string) bool) error {
	rows := in.Compare(s.files, wanted)
	if !c.Bool("json") {
		return s.printText(c.App.Writer, rows)
	}
	s.Rows = make([]shownRow, len(rows))
	for i, row := range rows {
		shown := shownRow{Sample: row.Sample, Type: row.Type, Values: map[string]jsonValue{}}
		for _, part := range row.Parts {
			shown.Values[s.Columns[part.Column]] = jsonValue(part.Value)
		}
		if row.OnPage {
			shown.Merged = new(jsonValue(row.Merged))
		}
		s.Rows[i] = shown
	}
	return cli.PrintJSON(c.App.Writer, s)
}

// printText aligns the columns by itself: there may be thousands.
func (s *sideBySide) printText(to io.Writer, rows []mpmetrics.Row) error {
	sample, merged := len("SAMPLE"), len("MERGED")
	widths := make([]int, len(s.Columns))
	for i, column := range s.Columns {
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
	for i, column := range s.Columns {
		fmt.Fprintf(w, "  %*s", widths[i], cli.Printable(column))
	}
	fmt.Fprintf(w, "  %*s\n", merged, "MERGED")
	for _, row := range rows {
		fmt.Fprintf(w, "%-*s", sample, cli.Printable(row.Sample))
		parts := row.Parts
		for i := range s.Columns {
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
