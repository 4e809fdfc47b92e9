package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// watching is a multiproc metrics watch in a pipe.
type watching struct {
	tb    testing.TB
	cmd   *exec.Cmd
	lines chan string
}

func startWatching(t *testing.T, args ...string) *watching {
	t.Helper()
	cmd := commandIn(t, t.TempDir(), append([]string{multiprocPath(t), "metrics", "watch", "--interval", "100ms"}, args...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &watching{t, cmd, make(chan string, 1000)}
	go func() {
		defer close(w.lines)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			w.lines <- lines.Text()
		}
	}()
	return w
}

// wait waits for a line.
func (w *watching) wait(pattern string) []string {
	w.tb.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.After(proctest.Patience); ; {
		select {
		case line, ok := <-w.lines:
			if !ok {
				w.tb.Fatalf("ended before %s", pattern)
			}
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		case <-deadline:
			w.tb.Fatalf("no line like %s", pattern)
		}
	}
}

// stop ends it as Ctrl-C does.
func (w *watching) stop() {
	w.tb.Helper()
	if err := w.cmd.Process.Signal(syscall.SIGINT); err != nil {
		w.tb.Fatal(err)
	}
	for range w.lines {
		// Whatever it has said since.
	}
	if err := w.cmd.Wait(); err != nil {
		w.tb.Errorf("watch: %v", err)
	}
}

// metricsWriter writes metrics in this process until the test ends.
func metricsWriter(t *testing.T, dir, id string) *mpmetrics.Writer {
	t.Helper()
	w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// countEver counts until the test ends, so that there is something to see whenever somebody looks.
func countEver(t *testing.T, c prometheus.Counter) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for ticker := time.NewTicker(time.Millisecond); ; {
			select {
			case <-ticker.C:
				c.Inc()
			case <-stop:
				ticker.Stop()
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}

func TestWatch(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := metricsWriter(t, dir, "w1")
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "seen_total", Help: "Help."}, []string{"what"}))
	countEver(t, counters.WithLabelValues("a"))
	countEver(t, counters.WithLabelValues("b"))

	watch := startWatching(t, "--dir", dir, `what="a"|^level`)
	line := watch.wait(`^\d\d:\d\d:\d\d\.\d\d\d (\S+) (\d+)\.0 \+(\d+)\.0 (\d+\.\d)/s$`)
	if line[1] != `seen_total{what="a"}` {
		t.Errorf("%s does not match the pattern", line[1])
	}
	var delta, rate float64
	if _, err := fmt.Sscan(line[3]+" "+line[4], &delta, &rate); err != nil {
		t.Fatal(err)
	}
	// A look takes place every 100 ms, or later on a machine that is busy.
	if delta < 1 || rate < delta/proctest.Patience.Seconds() || rate > delta/0.05 {
		t.Errorf("%v more are %v a second, looked at every 100 ms", delta, rate)
	}
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeMax)).Set(-3)
	watch.wait(`^\S+ file gauge_max_w1\.db is new$`)
	watch.wait(`^\S+ level -3\.0 -3\.0 -\d+\.\d/s$`)
	if err := os.Remove(filepath.Join(dir, "gauge_max_w1.db")); err != nil {
		t.Fatal(err)
	}
	watch.wait(`^\S+ file gauge_max_w1\.db is gone$`)
	watch.wait(`^\S+ level gone \+3\.0 `)

	// The directory goes, and comes again.
	if err := os.Rename(dir, dir+".old"); err != nil {
		t.Fatal(err)
	}
	watch.wait(`^\S+ seen_total\{what="a"\} gone -`)
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	defer makeFilesEver(t, dir)()
	watch.wait(`^\S+ file counter_\d+\.db is new$`)
	watch.stop()
}

// makeFilesEver makes files until the function that it gives is called: that somebody looks at a new directory cannot be
// told otherwise than by a file that he has seen come.
func makeFilesEver(t *testing.T, dir string) (stop func()) {
	t.Helper()
	enough, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for n := 0; ; n++ {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("counter_%d.db", n)), nil, 0o600); err != nil {
				t.Error(err)
				return
			}
			select {
			case <-enough:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() {
		close(enough)
		<-stopped
	}
}

func TestWatchJSON(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := metricsWriter(t, dir, "w1")
	countEver(t, mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "Help."})))
	watch := startWatching(t, "--json", "--dir", dir)
	next := func() (line watchedLine) {
		if err := json.Unmarshal([]byte(watch.wait(`.*`)[0]), &line); err != nil {
			t.Fatal(err)
		}
		if line.Sample != "seen_total" || line.Value == nil || *line.Delta < 1 || time.Since(line.Time) > time.Hour {
			t.Errorf("%+v", line)
		}
		return line
	}
	// A line comes for each look, unless nothing was counted in between. The rate is that of the time between them.
	before := next()
	for tries := 1; ; tries++ {
		line := next()
		elapsed := line.Time.Sub(before.Time).Seconds()
		if *line.Value-*line.Delta != *before.Value {
			t.Errorf("%v and %v more are not %v", *before.Value, *line.Delta, *line.Value)
		}
		if got := float64(*line.PerSecond) * elapsed; math.Abs(got-float64(*line.Delta)) < 0.01*float64(*line.Delta) {
			break
		}
		if tries == 20 {
			t.Fatalf("%v a second, for %v in %v s", *line.PerSecond, *line.Delta, elapsed)
		}
		before = line
	}
	watch.stop()
}

// TestWatchReaderGone ends when nobody reads any more.
func TestWatchReaderGone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := metricsWriter(t, dir, "w1")
	countEver(t, mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "Help."})))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := commandIn(t, dir, multiprocPath(t), "metrics", "watch", "--interval", "100ms", "--dir", dir)
	cmd.Stdout = write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	if _, err := io.ReadFull(read, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // by SIGPIPE, as other commands do
	}()
	select {
	case <-ended:
	case <-time.After(proctest.Patience):
		t.Error("it goes on")
	}
}
