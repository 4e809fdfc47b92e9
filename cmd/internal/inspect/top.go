package inspect

import (
	"bufio"
	"context"
	"fmt"
	"time"

	tea "charm.land/bubbletea/v2"
	urfave "github.com/urfave/cli/v2"

	"multiproc/cmd/internal/cli"
)

func topCommand() *urfave.Command {
	return &urfave.Command{
		Name:      "top",
		Usage:     "show the load of each worker, on a full screen",
		ArgsUsage: "[FILE[:SECTION]]",
		Description: "It only reads files, so it works even if all processes hang.\n\n" +
			"Keys: < and > select the column to sort by, r reverses the order, / filters, a includes dead workers, arrow and page keys\n" +
			"scroll, q quits. Rates, p50 and p99 are those of the last interval.",
		Flags: dirFlags(
			intervalFlag(),
			&urfave.BoolFlag{Name: "once", Usage: "print text once; if something is running, after an interval, for the rates"},
			&urfave.BoolFlag{Name: "json", Usage: "print JSON once, likewise"},
		),
		SkipFlagParsing: true,
		Action:          dirAction(0, runTop),
	}
}

func runTop(c *urfave.Context, dir string, _ []string) error {
	every, err := interval(c)
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
	if !onTerminal() {
		return cli.Usagef("stdin and stdout are not a terminal with a screen: use top --once or --json")
	}
	if t.read(); t.err != nil {
		return t.err
	}
	return newScreen(t).run(ctx)
}

// top reads a directory repeatedly. It is the model of its screen.
type top struct {
	dir    string
	reader *topReader
	every  time.Duration

	before, now   *topReading
	view          *topView // of both
	err           error    // of the last reading; the screen still shows the one before
	keys          topKeys
	width, height int
}

// tick asks for the next reading.
type tick struct{}

func (t *top) read() {
	r, err := t.reader.read()
	if t.err = err; err == nil {
		t.before, t.now = t.now, r
		t.view = newTopView(t.dir, t.before, t.now)
	}
}

func (t *top) once(ctx context.Context, c *urfave.Context) error {
	t.read()
	if t.err == nil && t.now.running() {
		select {
		case <-time.After(t.every):
		case <-ctx.Done():
			return nil
		}
		t.read()
	}
	if t.err != nil {
		return t.err
	}
	if c.Bool("json") {
		return cli.PrintJSON(c.App.Writer, t.view)
	}
	w := bufio.NewWriter(c.App.Writer)
	for _, line := range newTopText(t.view, topOrder{}).lines() {
		fmt.Fprintln(w, line.text)
	}
	return w.Flush()
}

// Init implements [tea.Model].
func (t *top) Init() tea.Cmd {
	return tea.Tick(t.every, func(time.Time) tea.Msg { return tick{} })
}

// Update implements [tea.Model].
func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		if t.keys.press(msg.Key()) {
			return t, tea.Quit
		}
	case tick:
		t.read()
		return t, t.Init()
	}
	return t, nil
}

// View implements [tea.Model].
func (t *top) View() tea.View {
	text := newTopText(t.view, t.keys.order)
	if t.err != nil {
		text.head = append([]line{{cli.Printable(t.err.Error()), trouble}}, text.head...)
	}
	return render(t.keys.arrange(text, t.height), t.width)
}
