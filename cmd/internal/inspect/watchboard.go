package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"multiproc/cmd/internal/cli"
)

// watchBoard is the screen of watch: the latest changes first.
type watchBoard struct {
	title         string
	width, height int

	now   time.Time
	rows  map[string]boardRow // by sample
	files []string            // lines about files, the oldest first
}

// boardRow is the last change of a sample.
type boardRow struct {
	at        time.Time
	change    change
	perSecond float64
}

const (
	maxBoardRows = 1000
	maxFileLines = 5
)

// Init implements [tea.Model].
func (b *watchBoard) Init() tea.Cmd { return nil }

// Update implements [tea.Model].
func (b *watchBoard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		b.width, b.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if msg.String() == "q" {
			return b, tea.Quit
		}
	case observation:
		b.add(msg)
	}
	return b, nil
}

// View implements [tea.Model].
func (b *watchBoard) View() tea.View { return render(b.lines(), b.width) }

func (b *watchBoard) add(o observation) {
	b.now = o.at
	if b.rows == nil {
		b.rows = map[string]boardRow{}
	}
	for _, c := range o.changes {
		b.rows[c.sample] = boardRow{o.at, c, o.perSecond(c)}
	}
	if o.file != "" {
		b.files = append(b.files, o.at.Format(time.TimeOnly)+" "+o.fileText())
		b.files = b.files[max(0, len(b.files)-maxFileLines):]
	}
	if len(b.rows) > maxBoardRows {
		for _, row := range b.sorted()[maxBoardRows:] {
			delete(b.rows, row.change.sample)
		}
	}
}

// sorted returns the rows, the latest and fastest changes first.
func (b *watchBoard) sorted() []boardRow {
	return slices.SortedFunc(maps.Values(b.rows), func(x, y boardRow) int {
		return cmp.Or(y.at.Compare(x.at), cmp.Compare(math.Abs(y.perSecond), math.Abs(x.perSecond)), strings.Compare(x.change.sample, y.change.sample))
	})
}

func (b *watchBoard) lines() []line {
	lines := []line{
		{fmt.Sprintf("%s   %s   q quits", cli.Printable(b.title), b.now.Format(time.TimeOnly)), title},
		{fmt.Sprintf("%15s %15s %12s  %5s  SERIES", "VALUE", "CHANGE", "PER SECOND", "AGO"), heading},
	}
	rows := b.sorted()
	for _, row := range rows[:min(len(rows), max(0, b.height-len(lines)-len(b.files)))] {
		look := plain
		if b.now.After(row.at) {
			look = faint
		}
		lines = append(lines, line{fmt.Sprintf("%15s %15s %12.1f  %5s  %s", row.change.value(), signed(row.change.delta()), row.perSecond,
			formatAge(measure(b.now.Sub(row.at).Seconds())), cli.Printable(row.change.sample)), look})
	}
	for len(lines) < b.height-len(b.files) {
		lines = append(lines, line{})
	}
	for _, text := range b.files {
		lines = append(lines, line{text: text})
	}
	return lines
}
