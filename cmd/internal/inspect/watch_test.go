package inspect

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// watching is a running metrics watch, with its output in a pipe.
type watching struct {
	t     *testing.T
	lines chan string
	stop  func()
}

func startWatch(t *testing.T, args ...string) *watching {
	t.Helper()
	read, write := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	w := &watching{t: t, lines: make(chan string, 1000)}
	failed := make(chan error, 1)
	go func() {
		_, err := runMetrics(ctx, write, append([]string{"watch", "--interval", "100ms"}, args...)...)
		_ = write.Close()
		failed <- err
	}()
	go func() {
		defer close(w.lines)
		for lines := bufio.NewScanner(read); lines.Scan(); {
			w.lines <- lines.Text()
		}
	}()
	w.stop = func() {
		stop()
		for range w.lines {
			// Discard the rest.
		}
		if err := <-failed; err != nil {
			t.Errorf("watch: %v", err)
		}
	}
	return w
}

// wait waits for a line that matches and returns its groups.
func (w *watching) wait(pattern string) []string {
	w.t.Helper()
	re := regexp.MustCompile(pattern)
	for deadline := time.After(proctest.Patience); ; {
		select {
		case line, ok := <-w.lines:
			if !ok {
				w.t.Fatalf("ended before %s", pattern)
			}
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		case <-deadline:
			w.t.Fatalf("no line matches %s", pattern)
		}
	}
}

// keepCounting increments the counter until the test ends.
func keepCounting(t *testing.T, c prometheus.Counter) {
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
	dir := filepath.Join(t.TempDir(), "metrics")
	check(t, os.Mkdir(dir, 0o700))
	w := newWriter(t, dir, "w1")
	counters := mpmetrics.Must(w.NewCounterVec(prometheus.CounterOpts{Name: "seen_total", Help: "Help."}, []string{"what"}))
	keepCounting(t, counters.WithLabelValues("a"))
	keepCounting(t, counters.WithLabelValues("b"))

	watch := startWatch(t, "--dir", dir, `what="a"|^level`)
	line := watch.wait(`^\d\d:\d\d:\d\d\.\d\d\d (\S+) (\d+)\.0 \+(\d+)\.0 (\d+\.\d)/s$`)
	if line[1] != `seen_total{what="a"}` {
		t.Errorf("%s does not match the pattern", line[1])
	}
	var delta, rate float64
	if _, err := fmt.Sscan(line[3]+" "+line[4], &delta, &rate); err != nil {
		t.Fatal(err)
	}
	// The interval is 100 ms, or longer on a busy machine.
	if delta < 1 || rate < delta/proctest.Patience.Seconds() || rate > delta/0.05 {
		t.Errorf("an increase of %v in 100 ms is a rate of %v", delta, rate)
	}
	mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeAll)).Set(-3)
	watch.wait(`^\S+ file gauge_all_w1\.db is new$`)
	watch.wait(`^\S+ level\{pid="w1"\} -3\.0 -3\.0 -\d+\.\d/s$`)
	check(t, os.Remove(filepath.Join(dir, "gauge_all_w1.db")))
	watch.wait(`^\S+ file gauge_all_w1\.db is gone$`)
	watch.wait(`^\S+ level\{pid="w1"\} gone \+3\.0 `)

	// The directory disappears and is created again.
	check(t, os.Rename(dir, dir+".old"))
	watch.wait(`^\S+ seen_total\{what="a"\} gone -`)
	check(t, os.Mkdir(dir, 0o700))
	defer keepCreatingFiles(t, dir)()
	watch.wait(`^\S+ file counter_\d+\.db is new$`)
	watch.stop()
}

// keepCreatingFiles creates files until the returned function is called: there is no event for the moment at which a new
// directory is watched.
func keepCreatingFiles(t *testing.T, dir string) (stop func()) {
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

func TestJSONLines(t *testing.T) {
	two, three := 2.0, 3.0
	var out bytes.Buffer
	show := jsonLines(&out)
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	for _, o := range []observation{
		{at: at, elapsed: 2 * time.Second, changes: []change{{"a", &two, &three}, {"b", nil, new(math.Inf(1))}, {"c", &two, nil}}},
		{at: at, file: "counter_w1.db", gone: true},
	} {
		check(t, show(o))
	}
	want := `{"time":"2026-11-25T12:00:00Z","sample":"a","value":3,"delta":1,"per_second":0.5}
{"time":"2026-11-25T12:00:00Z","sample":"b","value":"+Inf","delta":"+Inf","per_second":"+Inf"}
{"time":"2026-11-25T12:00:00Z","sample":"c","gone":true,"delta":-2,"per_second":-1}
{"time":"2026-11-25T12:00:00Z","file":"counter_w1.db","gone":true}
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
