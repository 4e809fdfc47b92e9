package inspect

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"time"

	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
)

func metricsTopCommand() *urfave.Command {
	return &urfave.Command{
		Name:  "top",
		Usage: "show what each worker does, on the whole screen; it reads files only, so that it works when nothing else does",
		Description: "Keys: < and > choose the column to sort by, r reverses, / filters, a shows dead workers too, arrows and page\n" +
			"keys scroll, q quits. Rates are of the time between the last two looks, and so are p50 and p99.",
		Flags: dirFlags(
			intervalFlag(),
			&urfave.BoolFlag{Name: "once", Usage: "print it once, as text; after two looks where something runs, for the rates"},
			&urfave.BoolFlag{Name: "json", Usage: "print it once, as JSON"},
		),
		Before: noDirectory,
		Action: topMetrics,
	}
}

func topMetrics(c *urfave.Context) error {
	every, err := interval(c)
	if err != nil {
		return err
	}
	dir, err := metricsDir(c)
	if err != nil {
		return err
	}
	ctx, stop := untilStopped(c)
	defer stop()
	t := &top{dir: dir, reader: newTopReader(dir), every: every}
	defer t.reader.close()
	if c.Bool("json") || c.Bool("once") {
		return t.once(ctx, c)
	}
	s, err := openScreen()
	if errors.Is(err, errNoTerminal) {
		err = cli.Usagef("%w: top --once or --json prints to anything", err)
	}
	if err != nil {
		return err
	}
	defer s.close()
	return t.run(ctx, s)
}

// top is the command at work.
type top struct {
	dir    string
	reader *topReader
	every  time.Duration

	before, now *topReading
	err         error // of the last look; what was seen before stays on the screen
	keys        topKeys
}

// look reads once more.
func (t *top) look() {
	r, err := t.reader.read()
	if t.err = err; err == nil {
		t.before, t.now = t.now, r
	}
}

// once prints what there is.
func (t *top) once(ctx context.Context, c *urfave.Context) error {
	t.look()
	if t.err == nil && t.now.running() {
		select {
		case <-time.After(t.every):
		case <-ctx.Done():
			return nil
		}
		t.look()
	}
	if t.err != nil {
		return t.err
	}
	view := newTopView(t.dir, t.before, t.now)
	if c.Bool("json") {
		return cli.PrintJSON(c.App.Writer, view)
	}
	w := bufio.NewWriter(c.App.Writer)
	for _, line := range newTopText(view, topOrder{}).lines() {
		fmt.Fprintln(w, line.text)
	}
	return w.Flush()
}

// run shows it until somebody quits.
func (t *top) run(ctx context.Context, s *screen) error {
	ticker := time.NewTicker(t.every)
	defer ticker.Stop()
	t.look()
	if t.err != nil {
		return t.err
	}
	for {
		_, height := s.size()
		s.draw(t.screen(height))
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			t.look()
		case <-s.gone:
			return nil
		case <-s.resized:
			s.redraw()
		case <-s.signals:
			if err := s.suspend(); err != nil {
				return err
			}
		case key := <-s.keys:
			if quit, err := s.press(key, t.keys.press); quit || err != nil {
				return err
			}
		}
	}
}

// screen is what is to be seen on a screen of this height.
func (t *top) screen(height int) []screenLine {
	text := newTopText(newTopView(t.dir, t.before, t.now), t.keys.order)
	if t.err != nil {
		text.head = append([]screenLine{{cli.Printable(t.err.Error()), troubleLine}}, text.head...)
	}
	return t.keys.arrange(text, height)
}
