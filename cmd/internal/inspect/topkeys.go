package inspect

import (
	"slices"

	tea "charm.land/bubbletea/v2"

	"multiproc/cmd/internal/cli"
)

// topKeys is the state of top's screen that keys change.
type topKeys struct {
	order  topOrder
	scroll int // rows of the table above the screen
	page   int // rows of the table on the screen
	typing bool
	before string // the filter before the user began to type
}

// press handles a key and reports whether to quit.
func (k *topKeys) press(key tea.Key) (quit bool) {
	if k.typing {
		k.typeFilter(key)
		return false
	}
	columns := len(topColumns())
	switch key.String() {
	case "q":
		return true
	case "esc":
		k.order.filter = ""
	case "<", "left":
		k.order.column = (k.order.column + columns - 1) % columns
	case ">", "right":
		k.order.column = (k.order.column + 1) % columns
	case "up":
		k.scroll--
	case "down":
		k.scroll++
	case "pgup":
		k.scroll -= k.page
	case "pgdown":
		k.scroll += k.page
	case "home":
		k.scroll = 0
	case "r":
		k.order.reverse = !k.order.reverse
	case "a":
		k.order.all = !k.order.all
	case "/":
		k.typing, k.before = true, k.order.filter
	}
	return false
}

// typeFilter handles a key while the filter is typed. The filter applies at once.
func (k *topKeys) typeFilter(key tea.Key) {
	filter := []rune(k.order.filter)
	switch key.String() {
	case "enter":
		k.typing = false
	case "esc":
		k.typing, k.order.filter = false, k.before
	case "backspace":
		k.order.filter = string(filter[:max(0, len(filter)-1)])
	case "ctrl+u":
		k.order.filter = ""
	default:
		k.order.filter += key.Text
	}
}

// minTable and minFoot are the lines that the table and the foot get on a screen that is too small for all.
const (
	minTable = 6
	minFoot  = 8
)

// arrange fits the text to a screen: the whole head, the rows of the table that are scrolled to, as much of the foot as fits, and a
// line of help.
func (k *topKeys) arrange(t topText, height int) []line {
	room := max(0, height-len(t.head)-1)
	whole := 1 + len(t.rows)
	foot := min(len(t.foot), max(minFoot, room-whole), max(0, room-min(minTable, whole)))
	table := min(whole, max(0, room-foot))
	k.page = max(1, table-1)
	k.scroll = max(0, min(k.scroll, len(t.rows)-k.page))
	shown := t.rows[k.scroll:min(len(t.rows), k.scroll+k.page)]

	lines := slices.Concat(t.head, t.table(shown), t.foot[:foot])
	for len(lines) < height-1 {
		lines = append(lines, line{})
	}
	lines = lines[:max(0, min(len(lines), height-1))]
	return append(lines, k.bottom())
}

// bottom returns the last line: the filter or the list of keys.
func (k *topKeys) bottom() line {
	switch {
	case k.typing:
		return line{"filter: " + cli.Printable(k.order.filter) + "_   Enter applies, Esc cancels", title}
	case k.order.filter != "":
		return line{"filter: " + cli.Printable(k.order.filter) + "   Esc clears", title}
	}
	return line{"q quit  < > sort by  r reverse  / filter  a all  ↑ ↓ scroll", faint}
}
