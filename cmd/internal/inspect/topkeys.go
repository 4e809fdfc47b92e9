package inspect

import (
	"slices"

	"github.com/gdamore/tcell/v2"

	"multiproc/cmd/internal/cli"
)

// topKeys is what somebody has made of top's screen by pressing keys.
type topKeys struct {
	order  topOrder
	scroll int // rows of the table that are above the screen
	page   int // rows of it that were on the screen last
	typing bool
	before string // the filter before it was typed at
}

// press takes a key, and reports whether it is the end.
func (k *topKeys) press(key *tcell.EventKey) (quit bool) {
	if k.typing {
		k.typeFilter(key)
		return false
	}
	columns := len(topColumns())
	switch key.Key() {
	case tcell.KeyEscape:
		k.order.filter = ""
	case tcell.KeyLeft:
		k.order.column = (k.order.column + columns - 1) % columns
	case tcell.KeyRight:
		k.order.column = (k.order.column + 1) % columns
	case tcell.KeyUp:
		k.scroll--
	case tcell.KeyDown:
		k.scroll++
	case tcell.KeyPgUp:
		k.scroll -= k.page
	case tcell.KeyPgDn:
		k.scroll += k.page
	case tcell.KeyHome:
		k.scroll = 0
	case tcell.KeyRune:
		switch key.Rune() {
		case 'q':
			return true
		case '<':
			k.order.column = (k.order.column + columns - 1) % columns
		case '>':
			k.order.column = (k.order.column + 1) % columns
		case 'r':
			k.order.reverse = !k.order.reverse
		case 'a':
			k.order.all = !k.order.all
		case '/':
			k.typing, k.before = true, k.order.filter
		}
	}
	return false
}

// typeFilter takes a key while the filter is being typed, which counts at once.
func (k *topKeys) typeFilter(key *tcell.EventKey) {
	filter := []rune(k.order.filter)
	switch key.Key() {
	case tcell.KeyEnter:
		k.typing = false
	case tcell.KeyEscape:
		k.typing, k.order.filter = false, k.before
	case tcell.KeyBackspace, tcell.KeyBackspace2:
		k.order.filter = string(filter[:max(0, len(filter)-1)])
	case tcell.KeyCtrlU:
		k.order.filter = ""
	case tcell.KeyRune:
		k.order.filter += string(key.Rune())
	}
}

// leastTable and leastFoot are how many lines the table and what is below it get where there is not room for all.
const (
	leastTable = 6
	leastFoot  = 8
)

// arrange makes a screen of a text: the head whole, of the table what is scrolled to, of the foot what fits, and a line
// that says what keys there are.
func (k *topKeys) arrange(t topText, height int) []screenLine {
	room := max(0, height-len(t.head)-1)
	foot := min(len(t.foot), max(leastFoot, room-len(t.table)), max(0, room-min(leastTable, len(t.table))))
	table := min(len(t.table), max(0, room-foot))
	rows := t.table[min(1, len(t.table)):]
	k.page = max(1, table-1)
	k.scroll = max(0, min(k.scroll, len(rows)-k.page))
	shown := rows[k.scroll:min(len(rows), k.scroll+k.page)]

	lines := slices.Concat(t.head, t.table[:min(1, table)], shown, t.foot[:foot])
	for len(lines) < height-1 {
		lines = append(lines, screenLine{})
	}
	lines = lines[:max(0, min(len(lines), height-1))]
	return append(lines, k.bottom())
}

// bottom is the last line: what is being typed, or which keys there are.
func (k *topKeys) bottom() screenLine {
	switch {
	case k.typing:
		return screenLine{"filter: " + cli.Printable(k.order.filter) + "_   Enter keeps it, Esc does not", titleLine}
	case k.order.filter != "":
		return screenLine{"filter: " + cli.Printable(k.order.filter) + "   Esc shows all again", titleLine}
	}
	return screenLine{"q quit  < > sort by  r reverse  / filter  a all  ↑ ↓ scroll", faintLine}
}
