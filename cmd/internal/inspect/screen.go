package inspect

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"golang.org/x/term"
)

// style is the appearance of a line.
type style int

const (
	plain style = iota
	title
	heading // above columns, to the right edge of the screen
	trouble
	faint
)

// line is a line of text, on a screen or in a pipe.
type line struct {
	text  string // printable
	style style
}

// render returns the lines as a full screen of this width. Longer lines are cut off.
func render(lines []line, width int) tea.View {
	attributes := map[style]string{title: "1", heading: "7", trouble: "1;31", faint: "2"}
	var b strings.Builder
	for i, l := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if l.style == heading {
			l.text += strings.Repeat(" ", max(0, width-utf8.RuneCountInString(l.text)))
		}
		if l.style == plain {
			b.WriteString(l.text)
		} else {
			fmt.Fprintf(&b, "\x1b[%sm%s\x1b[m", attributes[l.style], l.text)
		}
	}
	view := tea.NewView(b.String())
	view.AltScreen = true
	return view
}

// onTerminal reports whether a screen can be drawn. bubbletea would write control sequences to a dumb terminal, too.
func onTerminal() bool {
	dumb := os.Getenv("TERM") == "" || os.Getenv("TERM") == "dumb"
	return !dumb && term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stdout.Fd()))
}

// screen shows a model on the terminal. To bubbletea it adds that the program ends with the terminal, and can be suspended by a
// signal. Ctrl-C quits and Ctrl-Z suspends.
type screen struct {
	program *tea.Program
	suspend chan os.Signal
	err     error // of the last suspension
}

func newScreen(model tea.Model) *screen {
	s := &screen{suspend: make(chan os.Signal, 1)}
	s.program = tea.NewProgram(model, tea.WithInput(input{os.Stdin, s.quit}), tea.WithoutSignalHandler(), tea.WithFilter(s.filter))
	return s
}

// send passes a message to the model, and quit ends the program. Both wait for run and return at once after it.
func (s *screen) send(msg tea.Msg) { s.program.Send(msg) }
func (s *screen) quit()            { s.program.Quit() }

// run shows the model until it quits, the context is done or the terminal is gone. It restores the terminal.
func (s *screen) run(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.quit)()
	signal.Notify(s.suspend, syscall.SIGTSTP)
	defer signal.Stop(s.suspend)
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case <-s.suspend:
				s.send(tea.SuspendMsg{})
			case <-ended:
				return
			}
		}
	}()
	_, err := s.program.Run()
	return errors.Join(err, s.err)
}

// filter sees each message before the model and bubbletea, in the goroutine of both.
func (s *screen) filter(_ tea.Model, msg tea.Msg) tea.Msg {
	if key, ok := msg.(tea.KeyPressMsg); ok {
		switch key.String() {
		case "ctrl+c":
			return tea.QuitMsg{}
		case "ctrl+z":
			msg = tea.SuspendMsg{}
		}
	}
	if _, ok := msg.(tea.SuspendMsg); !ok {
		return msg
	}
	if s.err = errors.Join(s.program.ReleaseTerminal(), stopProcess(), s.program.RestoreTerminal()); s.err != nil {
		return tea.QuitMsg{}
	}
	return tea.ClearScreen()
}

// stopProcess stops this process until it is continued. bubbletea's own way, SIGTSTP, has no effect: the Go runtime does not restore
// the default action of a signal that was caught once.
func stopProcess() error {
	continued := make(chan os.Signal, 1)
	signal.Notify(continued, syscall.SIGCONT)
	defer signal.Stop(continued)
	if err := syscall.Kill(os.Getpid(), syscall.SIGSTOP); err != nil {
		return os.NewSyscallError("kill", err)
	}
	<-continued // all threads stop only after a moment
	return nil
}

// input is standard input. It reports its end, which bubbletea ignores.
type input struct {
	*os.File
	ended func()
}

// Read implements [io.Reader].
func (i input) Read(p []byte) (int, error) {
	n, err := i.File.Read(p)
	if err != nil {
		i.ended()
	}
	return n, err
}
