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

// topColumn is a column of the table of workers.
type topColumn struct {
	name  string
	left  bool // aligned to the left
	text  func(w *topWorker) string
	order func(a, b *topWorker) int // numbers descending
}

func topColumns() []topColumn {
	number := func(name string, of func(*topWorker) measure, format func(measure) string) topColumn {
		return topColumn{
			name:  name,
			text:  func(w *topWorker) string { return of(w).text(format) },
			order: func(a, b *topWorker) int { return compareMeasures(of(b), of(a)) },
		}
	}
	text := func(name string, of func(*topWorker) string) topColumn {
		return topColumn{name, true, of, func(a, b *topWorker) int { return strings.Compare(of(a), of(b)) }}
	}
	orUnknown := func(n int) measure {
		if n == 0 {
			return unknown
		}
		return measure(n)
	}
	worker := text("WORKER", func(w *topWorker) string { return cli.Printable(w.ID) })
	worker.order = func(a, b *topWorker) int { return cmp.Or(cmp.Compare(a.Slot, b.Slot), cmp.Compare(a.place, b.place)) }
	return []topColumn{
		worker,
		number("PID", func(w *topWorker) measure { return orUnknown(w.PID) }, formatCount),
		text("STATE", func(w *topWorker) string { return cli.Printable(w.State) }),
		number("GEN", func(w *topWorker) measure { return orUnknown(w.Generation) }, formatCount),
		number("UP", func(w *topWorker) measure { return w.Up }, formatAge),
		number("REQ/S", func(w *topWorker) measure { return w.Requests }, formatRate),
		number("ERR/S", func(w *topWorker) measure { return w.Errors }, formatRate),
		number("P50", func(w *topWorker) measure { return w.P50 }, formatLatency),
		number("P99", func(w *topWorker) measure { return w.P99 }, formatLatency),
		number("BUSY", func(w *topWorker) measure { return w.InFlight }, formatCount),
		number("MEMORY", func(w *topWorker) measure { return w.Memory }, formatBytes),
		number("CPU", func(w *topWorker) measure { return w.CPU }, formatShare),
		number("RESTARTS", func(w *topWorker) measure { return w.Restarts }, formatCount),
		text("LAST EXIT", func(w *topWorker) string { return cli.Printable(orDash(w.LastExit)) }),
	}
}

// topOrder is the user's selection and order of workers.
type topOrder struct {
	column  int // of topColumns
	reverse bool
	filter  string // only rows with this text, in any case
	all     bool   // dead workers, too
}

// rows returns the selected workers in order.
func (o topOrder) rows(v *topView, columns []topColumn) []*topWorker {
	var rows []*topWorker
	for i := range v.Workers {
		if w := &v.Workers[i]; (o.all || !w.gone) && o.passes(w, columns) {
			rows = append(rows, w)
		}
	}
	slices.SortFunc(rows, func(a, b *topWorker) int {
		x, y := a, b
		if o.reverse {
			x, y = b, a
		}
		return cmp.Or(columns[o.column].order(x, y), cmp.Compare(a.place, b.place))
	})
	return rows
}

func (o topOrder) passes(w *topWorker, columns []topColumn) bool {
	filter := strings.ToLower(o.filter)
	return filter == "" || slices.ContainsFunc(columns, func(c topColumn) bool {
		return strings.Contains(strings.ToLower(c.text(w)), filter)
	})
}

// topText is top's view as text. A screen that is too small shows only part of the table and the foot.
type topText struct {
	head  []line
	rows  []*topWorker
	table func(rows []*topWorker) []line // the first line has the headings
	foot  []line
}

func newTopText(v *topView, order topOrder) topText {
	columns := topColumns()
	return topText{
		head:  headOf(v),
		rows:  order.rows(v, columns),
		table: func(rows []*topWorker) []line { return tableOf(rows, columns, order) },
		foot:  footOf(v),
	}
}

func (t topText) lines() []line { return slices.Concat(t.head, t.table(t.rows), t.foot) }

func headOf(v *topView) []line {
	lines := []line{{cli.Printable(v.Directory), title}}
	add := func(s style, format string, args ...any) {
		lines = append(lines, line{fmt.Sprintf(format, args...), s})
	}
	if m := v.Master; m != nil {
		s, until := plain, v.At
		switch {
		case !v.Running:
			until = m.At
		case m.State != "serving" && m.State != "reloading" || m.Ready < m.Target:
			s = trouble
		}
		add(s, "master %d %s, up %s, generation %d, %d of %d workers ready, %s", m.PID, m.State,
			formatAge(measure(until.Sub(m.Started).Seconds())), m.Generation, m.Ready, m.Target, cli.Printable(m.Program))
		if age := v.At.Sub(m.At); !v.Running {
			add(trouble, "nothing is running; the master's last status is from %s", m.At.Local().Format(time.DateTime))
		} else if age > maxStatusAge {
			add(trouble, "the master's last status is %s old", formatAge(measure(age.Seconds())))
		}
	} else if !v.Running {
		add(plain, "no running process found for this directory")
	}
	t := v.Total
	add(plain, "all: %s req/s, %s err/s, p50 %s, p99 %s, %s busy, %s, CPU %s",
		t.Requests.text(formatRate), t.Errors.text(formatRate), t.P50.text(formatLatency), t.P99.text(formatLatency),
		t.InFlight.text(formatCount), t.Memory.text(formatBytes), t.CPU.text(formatShare))
	for _, l := range v.Listeners {
		s := plain
		if l.Limit > 0 && l.Queue*2 > l.Limit {
			s = trouble
		}
		add(s, "listener %s: queue %d of %d", cli.Printable(l.Address), l.Queue, l.Limit)
	}
	for _, fault := range v.Faults {
		add(trouble, "%s", cli.Printable(fault))
	}
	if v.Faulty > 0 {
		add(trouble, "faulty files: %d; run metrics ls for details", v.Faulty)
	}
	return append(lines, line{})
}

func tableOf(rows []*topWorker, columns []topColumn, order topOrder) []line {
	cells := make([][]string, len(rows)+1)
	widths := make([]int, len(columns))
	for i := range cells {
		for j, c := range columns {
			text := c.name
			if i > 0 {
				text = c.text(rows[i-1])
			} else if j == order.column {
				text += map[bool]string{false: "▾", true: "▴"}[order.reverse]
			}
			cells[i] = append(cells[i], text)
			widths[j] = max(widths[j], utf8.RuneCountInString(text))
		}
	}
	lines := make([]line, len(cells))
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
		lines[i] = line{strings.TrimRight(b.String(), " "), plain}
		if i == 0 {
			lines[i].style = heading
		} else if state := rows[i-1].State; rows[i-1].gone {
			lines[i].style = faint
		} else if state == "stopped" || state == "dead" {
			lines[i].style = trouble
		}
	}
	return lines
}

func footOf(v *topView) []line {
	if len(v.Series) == 0 {
		return nil
	}
	lines := []line{{}, {"     PER SECOND           VALUE  SERIES", heading}}
	for _, s := range v.Series {
		text := fmt.Sprintf("%15.1f %15s  %s", float64(s.Rate), strconv.FormatFloat(float64(s.Value), 'g', 12, 64), cli.Printable(s.Sample))
		lines = append(lines, line{text: text})
	}
	return lines
}
