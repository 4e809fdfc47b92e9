package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/gdamore/tcell/v2"
	"golang.org/x/term"
)

// emphasis is how a line of a screen looks.
type emphasis int

const (
	plainLine emphasis = iota
	titleLine
	headingLine // above columns
	troubleLine
	faintLine
)

// screenLine is a line of text for people, on a screen or in a pipe.
type screenLine struct {
	text string // printable
	as   emphasis
}

// screen is a terminal that a command has for itself until it is closed.
type screen struct {
	tcell  tcell.Screen
	events chan tcell.Event // keys, changes of the size; closed when the terminal is gone
	stop   chan struct{}
}

// errNoTerminal is told to who wants a screen where there is none.
var errNoTerminal = errors.New("stdin and stdout are no terminal")

// openScreen takes over the terminal. The caller must close it, whatever happens: it would be left without echo.
func openScreen() (*screen, error) {
	if !onTerminal() {
		return nil, errNoTerminal
	}
	t, err := tcell.NewScreen()
	if err == nil {
		err = t.Init()
	}
	if err != nil {
		return nil, fmt.Errorf("open screen, TERM=%s: %w", os.Getenv("TERM"), err)
	}
	s := &screen{t, make(chan tcell.Event), make(chan struct{})}
	go t.ChannelEvents(s.events, s.stop)
	return s, nil
}

func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// close gives the terminal back as it was.
func (s *screen) close() {
	close(s.stop)
	s.tcell.Fini()
}

// size is what the terminal has at the moment, in characters.
func (s *screen) size() (width, height int) { return s.tcell.Size() }

// draw replaces all that is on the screen. What has no room is cut off.
func (s *screen) draw(lines []screenLine) {
	s.tcell.Clear()
	width, height := s.size()
	for y, line := range lines[:min(len(lines), height)] {
		style := styleOf(line.as)
		s.tcell.PutStrStyled(0, y, line.text, style)
		if line.as == headingLine {
			for x := len([]rune(line.text)); x < width; x++ { // to the edge
				s.tcell.SetContent(x, y, ' ', nil, style)
			}
		}
	}
	s.tcell.Show()
}

// redraw is for a terminal on which something else may have been written.
func (s *screen) redraw() { s.tcell.Sync() }

func styleOf(e emphasis) tcell.Style {
	style := tcell.StyleDefault
	switch e {
	case titleLine:
		return style.Bold(true)
	case headingLine:
		return style.Reverse(true)
	case troubleLine:
		return style.Foreground(tcell.ColorRed).Bold(true)
	case faintLine:
		return style.Dim(true)
	}
	return style
}
