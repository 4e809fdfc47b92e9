package inspect

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
	"multiproc/mpmetrics"
)

func watchCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "watch",
		Usage:     "show samples as they change, and files as they are created and removed",
		ArgsUsage: "[PATTERN]",
		Description: "PATTERN is a regular expression for samples, as in '^http_.*code=\"5'. On a terminal the output is a screen; q quits. In a pipe\n" +
			"it is a line for each change: time, sample, value, increase and increase per second.",
		Flags: dirFlags(
			intervalFlag(),
			&urfave.IntFlag{Name: "count", Usage: "exit after `N` readings", DefaultText: "never"},
			&urfave.BoolFlag{Name: "json", Usage: "print a line of JSON for each change"},
		),
		SkipFlagParsing: true,
		Action:          dirAction(1, runWatch),
	}
}

func runWatch(c *urfave.Context, dir string, operands []string) error {
	match, err := compileMatch(strings.Join(operands, ""))
	if err != nil {
		return err
	}
	every, err := interval(c)
	if err != nil {
		return err
	}
	if c.Int("count") < 0 {
		return cli.Usagef("flag --count: %d is negative", c.Int("count"))
	}
	ctx, stop := untilStopped(c)
	defer stop()
	w := &watch{dir: dir, match: match, every: every, count: c.Int("count")}
	if err := w.followFiles(); err != nil {
		fmt.Fprintln(c.App.ErrWriter, "note: new and removed files are not shown:", err)
	}
	defer w.unfollow()
	if err := checkHasFiles(dir); err != nil {
		w.note = err.Error()
	}
	if onTerminal() && !c.Bool("json") {
		return w.runOnScreen(ctx)
	}
	if w.note != "" {
		fmt.Fprintln(c.App.ErrWriter, "note:", w.note)
	}
	w.show = textLines(c.App.Writer)
	if c.Bool("json") {
		w.show = jsonLines(c.App.Writer)
	}
	return w.run(ctx)
}

// watch reads the page repeatedly and shows the differences.
type watch struct {
	dir   string
	match func(sample string) bool
	every time.Duration
	count int    // of readings; 0: unlimited
	note  string // shown at the start; empty: none
	show  func(observation) error

	inspector  *mpmetrics.Inspector
	files      *fsnotify.Watcher // nil: files are not followed
	fileEvents <-chan fsnotify.Event
	fileErrors <-chan error
	ticker     *time.Ticker
	page       samples   // of the last reading
	at         time.Time // of the last reading
}

// observation is either a reading of the page or a file that was created or removed.
type observation struct {
	at      time.Time
	elapsed time.Duration // since the last reading; 0 for the first
	changes []change
	file    string
	gone    bool
}

// perSecond returns the rate of a change.
func (o observation) perSecond(c change) float64 { return c.delta() / o.elapsed.Seconds() }

func (o observation) fileText() string {
	word := "new"
	if o.gone {
		word = "gone"
	}
	return fmt.Sprintf("file %s is %s", cli.Printable(o.file), word)
}

func (w *watch) runOnScreen(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	board := &watchBoard{title: w.dir}
	if w.note != "" {
		board.files = []string{time.Now().Format(time.TimeOnly) + " " + w.note}
	}
	screen := newScreen(board)
	w.show = func(o observation) error {
		screen.send(o)
		return nil
	}
	ended := make(chan error, 1)
	go func() {
		ended <- w.run(ctx)
		screen.quit()
	}()
	err := screen.run(ctx)
	cancel()
	return errors.Join(err, <-ended)
}

func (w *watch) run(ctx context.Context) error {
	w.inspector = mpmetrics.NewInspector(w.dir, mpmetrics.InspectorOptions{})
	defer w.inspector.Close()
	w.ticker = time.NewTicker(w.every)
	defer w.ticker.Stop()
	err := w.read()
	for readings := 1; err == nil && (w.count == 0 || readings < w.count); {
		select {
		case <-ctx.Done():
			return nil
		case <-w.ticker.C:
			readings++
			w.followDir() // the path may name another directory by now
			err = w.read()
		case e := <-w.fileEvents:
			err = w.fileEvent(e)
		case lost := <-w.fileErrors:
			if !errors.Is(lost, fsnotify.ErrEventOverflow) { // the next reading shows the result of the lost events
				err = fmt.Errorf("watch %s: %w", w.dir, lost)
			}
		}
	}
	return err
}

// followFiles watches the directory for new and removed files. Readings alone would miss the file of a crashed worker, which its
// successor creates again at once. It fails if the kernel's limit of watchers is reached.
func (w *watch) followFiles() error {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return err
	}
	w.files, w.fileEvents, w.fileErrors = files, files.Events, files.Errors
	return files.Add(w.dir)
}

func (w *watch) followDir() {
	if w.files != nil {
		_ = w.files.Add(w.dir) // the next reading shows that there is none
	}
}

func (w *watch) unfollow() {
	if w.files != nil {
		_ = w.files.Close()
	}
}

// fileEvent shows a file that was created or removed, and the changes that this caused.
func (w *watch) fileEvent(e fsnotify.Event) error {
	name := filepath.Base(e.Name)
	created, removed := e.Has(fsnotify.Create), e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if !strings.HasSuffix(name, ".db") || !created && !removed {
		return nil
	}
	if err := w.show(observation{at: time.Now(), file: name, gone: removed}); err != nil {
		return err
	}
	if time.Since(w.at) < minInterval {
		return nil // too short for a meaningful rate
	}
	w.ticker.Reset(w.every)
	return w.read()
}

// read shows the changes since the last reading. A directory that disappears has no samples, and may be created again.
func (w *watch) read() error {
	now, page := time.Now(), samples{}
	in, err := w.inspector.Look()
	switch {
	case err == nil:
		page = samplesOf(in, w.match)
	case w.page == nil:
		return err
	}
	o := observation{at: now}
	if w.page != nil {
		o.elapsed, o.changes = now.Sub(w.at), changes(w.page, page)
	}
	w.page, w.at = page, now
	return w.show(o)
}
