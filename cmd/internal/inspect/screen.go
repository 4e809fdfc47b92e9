package inspect

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

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

// screen is a terminal that a command has for itself until it is closed. It belongs to one goroutine.
type screen struct {
	tcell   tcell.Screen
	tty     *gatedTTY
	keys    chan *tcell.EventKey // what is typed faster than it is taken is lost
	resized chan struct{}        // room for one
	gone    chan struct{}        // closed when the terminal is
	signals chan os.Signal       // to be suspended

	silenced chan struct{} // gets one when tcell has stopped reading
	closed   chan struct{}
	pumping  sync.WaitGroup
}

// errNoTerminal is told to who wants a screen where there is none.
var errNoTerminal = errors.New("stdin and stdout are no terminal")

// maxKeys is how many keys wait to be taken.
const maxKeys = 256

// openScreen takes over the terminal. The caller must close it, whatever happens: it would be left without echo.
func openScreen() (*screen, error) {
	if !onTerminal() {
		return nil, errNoTerminal
	}
	tty, err := tcell.NewDevTty()
	if err != nil {
		return nil, fmt.Errorf("open screen: %w", err)
	}
	s := &screen{
		tty:      &gatedTTY{Tty: tty},
		keys:     make(chan *tcell.EventKey, maxKeys),
		resized:  make(chan struct{}, 1),
		gone:     make(chan struct{}),
		signals:  make(chan os.Signal, 1),
		silenced: make(chan struct{}, 1),
		closed:   make(chan struct{}),
	}
	s.tcell, err = tcell.NewTerminfoScreenFromTty(s.tty)
	if err == nil {
		err = s.tcell.Init()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open screen, TERM=%s: %w", os.Getenv("TERM"), err), tty.Close())
	}
	s.pumping.Go(s.pump)
	signal.Notify(s.signals, syscall.SIGTSTP)
	return s, nil
}

func onTerminal() bool {
	return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// gatedTTY is a terminal that can be told to give no more input. tcell's goroutines wait for each other for ever where there
// is more of it while they end.
type gatedTTY struct {
	tcell.Tty
	shut atomic.Bool
}

func (t *gatedTTY) Read(p []byte) (int, error) {
	if t.shut.Load() {
		return 0, io.EOF
	}
	n, err := t.Tty.Read(p)
	if t.shut.Load() {
		return 0, io.EOF
	}
	return n, err
}

// pump takes tcell's events until the screen is closed, so that tcell never waits for anybody.
func (s *screen) pump() {
	lost := sync.OnceFunc(func() { close(s.gone) })
	for {
		switch e := s.tcell.PollEvent().(type) {
		case *tcell.EventKey:
			select {
			case s.keys <- e:
			default:
			}
		case *tcell.EventResize:
			select {
			case s.resized <- struct{}{}:
			default:
			}
		case *tcell.EventError: // the end of its input
			if !s.tty.shut.Load() {
				lost()
			}
			select {
			case s.silenced <- struct{}{}:
			default:
			}
		case nil:
			select {
			case <-s.closed:
				return
			case <-time.After(time.Millisecond): // it is ending
			}
		}
	}
}

// silencePatience bounds how long to wait for tcell to read no more. It has nothing to wait for.
const silencePatience = time.Second

// silence has tcell stop reading.
func (s *screen) silence() {
	s.tty.shut.Store(true)
	_ = s.tty.Drain() // what it waits in
	select {
	case <-s.silenced:
	case <-time.After(silencePatience):
	}
}

// close gives the terminal back as it was.
func (s *screen) close() {
	signal.Stop(s.signals)
	s.silence()
	s.tcell.Fini()
	close(s.closed)
	s.pumping.Wait()
}

// suspend does what Ctrl-Z does elsewhere: the terminal is given back, and the process stops until it is told to go on.
func (s *screen) suspend() error {
	s.silence()
	if err := s.tcell.Suspend(); err != nil {
		return fmt.Errorf("suspend screen: %w", err)
	}
	goOn := make(chan os.Signal, 1)
	signal.Notify(goOn, syscall.SIGCONT)
	defer signal.Stop(goOn)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		return fmt.Errorf("suspend screen: %w", os.NewSyscallError("kill", err))
	}
	<-goOn // it may take a moment until all threads are stopped
	s.tty.shut.Store(false)
	if err := s.tcell.Resume(); err != nil {
		return fmt.Errorf("resume screen: %w", err)
	}
	s.tcell.Sync()
	return nil
}

// press hands keys on to press, the first one and all that wait, until one of them is the end. Ctrl-C and Ctrl-Z mean what
// they mean elsewhere.
func (s *screen) press(key *tcell.EventKey, press func(*tcell.EventKey) (quit bool)) (quit bool, err error) {
	for {
		switch {
		case key.Key() == tcell.KeyCtrlC:
			return true, nil
		case key.Key() == tcell.KeyCtrlZ:
			if err := s.suspend(); err != nil {
				return true, err
			}
		case press(key):
			return true, nil
		}
		select {
		case key = <-s.keys:
		default:
			return false, nil
		}
	}
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
