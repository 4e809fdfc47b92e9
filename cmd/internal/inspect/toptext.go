package inspect

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"multiproc/cmd/internal/cli"
)

// topColumn is a column of top's table of workers.
type topColumn struct {
	name  string
	left  bool // text, which begins at the left
	text  func(w *topWorker) string
	order func(a, b *topWorker) int // the largest numbers first: they are what people look for
}

func topColumns() []topColumn {
	number := func(name string, of func(*topWorker) measure, form func(measure) string) topColumn {
		return topColumn{
			name:  name,
			text:  func(w *topWorker) string { return of(w).text(form) },
			order: func(a, b *topWorker) int { return compareMeasures(of(b), of(a)) },
		}
	}
	text := func(name string, of func(*topWorker) string) topColumn {
		return topColumn{name, true, of, func(a, b *topWorker) int { return strings.Compare(of(a), of(b)) }}
	}
	known := func(n int) measure {
		if n == 0 {
			return unknown
		}
		return measure(n)
	}
	worker := text("WORKER", func(w *topWorker) string { return cli.Printable(w.ID) })
	worker.order = func(a, b *topWorker) int { return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.place, b.place)) }
	return []topColumn{
		worker,
		number("PID", func(w *topWorker) measure { return known(w.PID) }, formatCount),
		text("STATE", func(w *topWorker) string { return cli.Printable(w.State) }),
		number("GEN", func(w *topWorker) measure { return known(w.Generation) }, formatCount),
		number("UP", func(w *topWorker) measure { return w.Up }, formatAge),
		number("REQ/S", func(w *topWorker) measure { return w.Requests }, formatRate),
		number("ERR/S", func(w *topWorker) measure { return w.Errors }, formatRate),
		number("P50", func(w *topWorker) measure { return w.P50 }, formatLatency),
		number("P99", func(w *topWorker) measure { return w.P99 }, formatLatency),
		number("BUSY", func(w *topWorker) measure { return w.InFlight }, formatCount),
		number("MEMORY", func(w *topWorker) measure { return w.Memory }, formatMemory),
		number("CPU", func(w *topWorker) measure { return w.CPU }, formatShare),
		number("RESTARTS", func(w *topWorker) measure { return w.Restarts }, formatCount),
		text("LAST EXIT", func(w *topWorker) string { return cli.Printable(orDash(w.LastExit)) }),
	}
}

// topOrder is how somebody wants to see the table.
type topOrder struct {
	column  int // of topColumns
	reverse bool
	filter  string // only rows with this text in them, in whatever case
	all     bool   // the dead, too, where others live
}

// rows are the lines of the table below its headings, in order.
func (o topOrder) rows(v *topView, columns []topColumn) []topWorker {
	var rows []topWorker
	for _, w := range v.Workers {
		if w.gone && !o.all {
			continue
		}
		if o.passes(&w, columns) {
			rows = append(rows, w)
		}
	}
	slices.SortStableFunc(rows, func(a, b topWorker) int {
		if o.reverse {
			a, b = b, a
		}
		return columns[o.column].order(&a, &b)
	})
	return rows
}

// passes reports whether the filter lets a row through.
func (o topOrder) passes(w *topWorker, columns []topColumn) bool {
	filter := strings.ToLower(o.filter)
	return filter == "" || slices.ContainsFunc(columns, func(c topColumn) bool {
		return strings.Contains(strings.ToLower(c.text(w)), filter)
	})
}

// topText is what top shows, as text. The table is the lines from table on, of which a screen may leave some out.
type topText struct {
	head  []screenLine
	table []screenLine // the first has the headings
	foot  []screenLine
}

func newTopText(v *topView, order topOrder) topText {
	columns := topColumns()
	rows := order.rows(v, columns)
	return topText{head: headOf(v), table: tableOf(rows, columns, order), foot: footOf(v)}
}

func (t topText) lines() []screenLine { return slices.Concat(t.head, t.table, t.foot) }

func headOf(v *topView) []screenLine {
	lines := []screenLine{{cli.Printable(v.Directory), titleLine}}
	add := func(as emphasis, format string, args ...any) {
		lines = append(lines, screenLine{fmt.Sprintf(format, args...), as})
	}
	if m := v.Master; m != nil {
		as, until := plainLine, v.At
		switch {
		case !v.Running:
			until = m.At
		case m.State != "serving" && m.State != "reloading" || m.Ready < m.Target:
			as = troubleLine
		}
		add(as, "master %d %s, up %s, generation %d, %d of %d workers ready, %s", m.PID, m.State,
			formatAge(measure(until.Sub(m.Started).Seconds())), m.Generation, m.Ready, m.Target, cli.Printable(m.Program))
		if age := v.At.Sub(m.At); !v.Running {
			add(troubleLine, "nothing runs here: the master's last word is of %s", m.At.Local().Format(time.DateTime))
		} else if age > staleNote {
			add(troubleLine, "the master's last word is %s old", formatAge(measure(age.Seconds())))
		}
	} else if !v.Running {
		add(plainLine, "no process of this directory is seen to live")
	}
	t := v.Total
	add(plainLine, "all: %s req/s, %s err/s, p50 %s, p99 %s, %s busy, %s, CPU %s",
		t.Requests.text(formatRate), t.Errors.text(formatRate), t.P50.text(formatLatency), t.P99.text(formatLatency),
		t.InFlight.text(formatCount), t.Memory.text(formatMemory), t.CPU.text(formatShare))
	for _, l := range v.Listeners {
		as := plainLine
		if l.Limit > 0 && l.Queue*2 > l.Limit {
			as = troubleLine
		}
		add(as, "listener %s: queue %d of %d", cli.Printable(l.Address), l.Queue, l.Limit)
	}
	if v.Faulty > 0 {
		add(troubleLine, "%d files are faulty: see metrics ls", v.Faulty)
	}
	return append(lines, screenLine{})
}

func tableOf(rows []topWorker, columns []topColumn, order topOrder) []screenLine {
	cells := make([][]string, len(rows)+1)
	widths := make([]int, len(columns))
	for i := range cells {
		for j, c := range columns {
			text := c.name
			if i > 0 {
				text = c.text(&rows[i-1])
			} else if j == order.column {
				text += map[bool]string{false: "▾", true: "▴"}[order.reverse]
			}
			cells[i] = append(cells[i], text)
			widths[j] = max(widths[j], utf8.RuneCountInString(text))
		}
	}
	lines := make([]screenLine, len(cells))
	for i, row := range cells {
		var b strings.Builder
		for j, text := range row {
			pad := strings.Repeat(" ", widths[j]-utf8.RuneCountInString(text))
			if columns[j].left {
				text += pad
			} else {
				text = pad + text
			}
			b.WriteString(text + "  ")
		}
		lines[i] = screenLine{strings.TrimRight(b.String(), " "), plainLine}
		if i == 0 {
			lines[i].as = headingLine
		} else if state := rows[i-1].State; state == "stopped" || state == "dead" && !rows[i-1].gone {
			lines[i].as = troubleLine
		} else if rows[i-1].gone {
			lines[i].as = faintLine
		}
	}
	return lines
}

func footOf(v *topView) []screenLine {
	if len(v.Series) == 0 {
		return nil
	}
	lines := []screenLine{{}, {"     PER SECOND           VALUE  SERIES", headingLine}}
	for _, s := range v.Series {
		line := fmt.Sprintf("%15.1f %15s  %s", float64(s.Rate), strconv.FormatFloat(float64(s.Value), 'g', 12, 64), cli.Printable(s.Sample))
		lines = append(lines, screenLine{line, plainLine})
	}
	return lines
}
