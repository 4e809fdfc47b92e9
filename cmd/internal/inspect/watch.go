package inspect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/gdamore/tcell/v2"
	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

func metricsWatchCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "watch",
		Usage:     "show what changes on the page, as it changes, and which files come and go",
		ArgsUsage: "[PATTERN]",
		Description: "PATTERN is a regular expression for samples, as in '^http_.*code=\"5'. On a terminal it is a screen, whose key is q;\n" +
			"in a pipe a line for each change: time, sample, value, by how much it has changed, and how much that is per second.",
		Flags: dirFlags(
			intervalFlag(),
			&urfave.IntFlag{Name: "count", Usage: "end after `N` looks; 0: never"},
			&urfave.BoolFlag{Name: "json", Usage: "print a line of JSON for each change"},
		),
		Before: func(c *urfave.Context) error {
			if err := flagsBefore(c); err != nil {
				return err
			}
			if c.NArg() > 1 {
				return cli.Usagef("watch takes one pattern, but got %q too", c.Args().Get(1))
			}
			return nil
		},
		Action: watchMetrics,
	}
}

func watchMetrics(c *urfave.Context) error {
	match, err := compileMatch(c.Args().First())
	if err != nil {
		return err
	}
	every, err := interval(c)
	if err != nil {
		return err
	}
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	if c.Int("count") < 0 {
		return cli.Usagef("flag --count: %d is less than 0", c.Int("count"))
	}
	ctx, stop := untilStopped(c)
	defer stop()
	w := &watch{dir: dir, match: match, every: every, count: c.Int("count")}
	if err := w.followFiles(); err != nil {
		fmt.Fprintln(c.App.ErrWriter, "note: files that come and go are not told:", err)
	}
	defer w.unfollow()
	if !c.Bool("json") && onTerminal() {
		s, err := openScreen()
		if err == nil {
			defer s.close()
			w.board = &watchBoard{screen: s, title: dir}
			w.show = w.board.show
			return w.run(ctx)
		}
		fmt.Fprintln(c.App.ErrWriter, "note: lines instead of a screen:", err)
	}
	w.show = textLines(c.App.Writer)
	if c.Bool("json") {
		w.show = jsonLines(c.App.Writer)
	}
	return w.run(ctx)
}

// watch is the command at work.
type watch struct {
	dir   string
	match func(sample string) bool
	every time.Duration
	count int // of looks; 0: without end
	show  func(watched) error
	board *watchBoard // nil: there is no screen

	collector  *mpmetrics.Collector
	files      *fsnotify.Watcher // nil: what comes and goes is not told
	fileEvents <-chan fsnotify.Event
	fileErrors <-chan error
	ticker     *time.Ticker
	page       samples
	at         time.Time // of the page
}

// watched is what was seen at one moment.
type watched struct {
	at      time.Time
	elapsed time.Duration // since the look before; 0 where it was not looked
	changes []change
	file    string // that came or went; empty: none
	gone    bool
}

// perSecond is a change's rate.
func (w watched) perSecond(c change) float64 { return c.delta() / w.elapsed.Seconds() }

// fileNews is what there is to say of a file that came or went.
func (w watched) fileNews() string {
	word := "new"
	if w.gone {
		word = "gone"
	}
	return fmt.Sprintf("file %s is %s", cli.Printable(w.file), word)
}

func (w *watch) run(ctx context.Context) error {
	w.collector = mpmetrics.NewCollector(w.dir, mpmetrics.CollectorOptions{})
	defer w.collector.Close()
	w.ticker = time.NewTicker(w.every)
	defer w.ticker.Stop()
	if err := w.look(); err != nil {
		return err
	}
	screen := w.screen()
	var err error
	for looks := 1; w.count == 0 || looks < w.count; {
		select {
		case <-ctx.Done():
			return nil
		case <-w.ticker.C:
			looks++
			w.followDir() // it may be another one by now
			err = w.look()
		case e := <-w.fileEvents:
			err = w.noteFile(e)
		case lost := <-w.fileErrors:
			if !errors.Is(lost, fsnotify.ErrEventOverflow) { // after which the next look sees what there is
				err = fmt.Errorf("watch %s: %w", w.dir, lost)
			}
		case <-screen.gone:
			return nil
		case <-screen.resized:
			screen.redraw()
			err = w.show(watched{at: time.Now()})
		case <-screen.signals:
			err = screen.suspend()
		case key := <-screen.keys:
			var quit bool
			if quit, err = screen.press(key, isQuit); quit {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// followFiles has files told that come and go. The kernel has a bound on how many do so.
func (w *watch) followFiles() error {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	w.files, w.fileEvents, w.fileErrors = files, files.Events, files.Errors
	return files.Add(w.dir)
}

// followDir follows the directory that is at the path now.
func (w *watch) followDir() {
	if w.files != nil {
		_ = w.files.Add(w.dir) // where there is none, the next look tells
	}
}

func (w *watch) unfollow() {
	if w.files != nil {
		_ = w.files.Close()
	}
}

// screen is that of the board, or one on which nothing ever happens.
func (w *watch) screen() *screen {
	if w.board == nil {
		return &screen{}
	}
	return w.board.screen
}

func isQuit(key *tcell.EventKey) bool { return key.Key() == tcell.KeyRune && key.Rune() == 'q' }

// noteFile tells of a file that came or went, and looks what that has changed.
func (w *watch) noteFile(e fsnotify.Event) error {
	name := filepath.Base(e.Name)
	came, went := e.Has(fsnotify.Create), e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if !strings.HasSuffix(name, ".db") || !came && !went {
		return nil
	}
	if err := w.show(watched{at: time.Now(), file: name, gone: went}); err != nil {
		return err
	}
	if time.Since(w.at) < shortestInterval {
		return nil // what changes within a moment has no rate to speak of
	}
	w.ticker.Reset(w.every)
	return w.look()
}

// look shows what has changed since the last look.
func (w *watch) look() error {
	now := time.Now()
	seen, err := collectPage(w.collector)
	if err != nil {
		return err
	}
	for sample := range seen {
		if !w.match(sample) {
			delete(seen, sample)
		}
	}
	before, at := w.page, w.at
	w.page, w.at = seen, now
	if before == nil {
		return w.show(watched{at: now})
	}
	return w.show(watched{at: now, elapsed: now.Sub(at), changes: changes(before, seen)})
}
