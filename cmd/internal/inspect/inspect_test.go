package inspect

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	urfave "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"multiproc/cmd/internal/cli"
	"multiproc/cmd/internal/page"
	"multiproc/master"
	"multiproc/mpmetrics"
)

// runMetrics runs a subcommand of metrics in this process. It is for one test at a time: urfave has a global help flag.
func runMetrics(ctx context.Context, stdout io.Writer, args ...string) (stderr string, err error) {
	var log bytes.Buffer
	app := &urfave.App{
		Writer: stdout, ErrWriter: &log, Commands: []*urfave.Command{Command()},
		ExitErrHandler: func(*urfave.Context, error) {},
	}
	cli.Inherit(app.Commands)
	err = app.RunContext(ctx, append([]string{"multiproc", "metrics"}, args...))
	return log.String(), err
}

// newWriter returns a writer of this process that is closed at the end of the test.
func newWriter(t *testing.T, dir, id string) *mpmetrics.Writer {
	t.Helper()
	w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
	check(t, err)
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// stamp is the state of a file that inspection must not change.
type stamp struct {
	content      string
	mtime, ctime unix.Timespec
}

// stamps returns those of everything below a directory, by path.
func stamps(t *testing.T, dir string) map[string]stamp {
	t.Helper()
	found := map[string]stamp{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		s := stamp{mtime: st.Mtim, ctime: st.Ctim}
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			s.content = string(content)
		}
		found[path] = s
		return nil
	})
	check(t, err)
	return found
}

// TestInspectionChangesNothing runs each subcommand on a directory with a live writer, a dead one and faulty files. No byte and
// no time of it may change.
func TestInspectionChangesNothing(t *testing.T) {
	dir := t.TempDir()
	for _, id := range []string{"w1", "dead"} {
		w := newWriter(t, dir, id)
		mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "Help."})).Inc()
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeLiveSum)).Inc()
		if id == "dead" {
			_ = w.Close()
		}
	}
	check(t, page.WriteStatusFile(dir, page.StatusFile{At: time.Now(), Status: master.Status{PID: 1}}))
	for name, content := range map[string]string{
		"counter_damaged.db": "this is damaged", "counter_empty.db": "", "notes.db": "x", "gauge_livemax_dead.db": "",
		"counter_1.db": "\x08\x00\x00\x00\x00\x00\x00\x00",
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	before := stamps(t, dir)
	for line, ok := range map[string]bool{
		"ls --dir DIR":           false,
		"show --dir DIR":         false,
		"show DIR/counter_w1.db": true,
		"show DIR/counter_w1.db DIR/counter_damaged.db": false,
		"dump --dir DIR":   false,
		"verify --dir DIR": false,
		"watch --dir DIR --interval 100ms --count 3": true,
		"top --dir DIR --once --interval 100ms":      true,
		"diff DIR DIR":                               true,
	} {
		var out bytes.Buffer
		stderr, err := runMetrics(t.Context(), &out, strings.Fields(strings.ReplaceAll(line, "DIR", dir))...)
		if (err == nil) != ok {
			t.Errorf("%s: %v: %s%s", line, err, &out, stderr)
		}
		if diff := cmp.Diff(before, stamps(t, dir), cmp.AllowUnexported(stamp{})); diff != "" {
			t.Fatalf("%s has changed:\n%s", line, diff)
		}
	}
}

// check ends the test on an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
