package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"multiproc/cmd/internal/cli"
)

// watchBoard shows on a screen what has changed lately, the latest first.
type watchBoard struct {
	screen *screen
	title  string

	rows  map[string]watchedRow // by sample
	files []string              // lines about files, the oldest first
}

// watchedRow is the last change of a sample.
type watchedRow struct {
	at        time.Time
	change    change
	perSecond float64
}

const (
	maxWatchedRows = 1000 // of which a screen shows the latest
	maxFileLines   = 5
)

func (b *watchBoard) show(w watched) error {
	if b.rows == nil {
		b.rows = map[string]watchedRow{}
	}
	for _, c := range w.changes {
		b.rows[c.sample] = watchedRow{w.at, c, w.perSecond(c)}
	}
	if w.file != "" {
		b.files = append(b.files, w.at.Format(time.TimeOnly)+" "+w.fileNews())
		b.files = b.files[max(0, len(b.files)-maxFileLines):]
	}
	_, height := b.screen.size()
	b.screen.draw(b.lines(w.at, height))
	return nil
}

// lines is the board on a screen of this height.
func (b *watchBoard) lines(now time.Time, height int) []screenLine {
	sorted := slices.SortedFunc(maps.Values(b.rows), func(x, y watchedRow) int {
		return cmp.Or(y.at.Compare(x.at), cmp.Compare(math.Abs(y.perSecond), math.Abs(x.perSecond)), strings.Compare(x.change.sample, y.change.sample))
	})
	for _, row := range sorted[min(len(sorted), maxWatchedRows):] {
		delete(b.rows, row.change.sample)
	}
	lines := []screenLine{
		{fmt.Sprintf("%s   %s   q quits", cli.Printable(b.title), now.Format(time.TimeOnly)), titleLine},
		{fmt.Sprintf("%15s %15s %12s  %5s  SERIES", "VALUE", "CHANGE", "PER SECOND", "AGO"), headingLine},
	}
	room := max(0, height-len(lines)-len(b.files))
	for _, row := range sorted[:min(len(sorted), room)] {
		as := plainLine
		if now.Sub(row.at) > 0 {
			as = faintLine
		}
		lines = append(lines, screenLine{fmt.Sprintf("%15s %15s %12.1f  %5s  %s", row.change.value(), signed(row.change.delta()), row.perSecond,
			formatAge(measure(now.Sub(row.at).Seconds())), cli.Printable(row.change.sample)), as})
	}
	for len(lines) < height-len(b.files) {
		lines = append(lines, screenLine{})
	}
	for _, line := range b.files {
		lines = append(lines, screenLine{line, plainLine})
	}
	return lines
}
