package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"

	metricspage "multiproc/cmd/internal/page"
	"multiproc/internal/proctest"
	"multiproc/mpmetrics"
)

// stamp is what looking at a file must not change.
type stamp struct {
	content      string
	mtime, ctime unix.Timespec
}

// stamps are those of all that is below a directory.
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
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestInspectionChangesNothing looks with each command at a directory of which a process holds files, that is at rest, and
// that has faulty files in it: no byte and no time of it changes.
func TestInspectionChangesNothing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "metrics")
	master, err := mpmetrics.OpenDirectory(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = master.Close() }()
	if err := master.Wipe(); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"w1", "dead"} {
		w, err := mpmetrics.NewWriter(dir, id, mpmetrics.WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		mpmetrics.Must(w.NewCounter(prometheus.CounterOpts{Name: "seen_total", Help: "Help."})).Inc()
		mpmetrics.Must(w.NewGauge(prometheus.GaugeOpts{Name: "level", Help: "Help."}, mpmetrics.ModeLiveSum)).Inc()
		if id == "dead" {
			_ = w.Close()
		} else {
			defer func() { _ = w.Close() }()
		}
	}
	for name, content := range map[string]string{
		"counter_damaged.db": "this is damaged", "counter_empty.db": "", "notes.db": "x", "gauge_livemax_dead.db": "", "counter_1.db": "\x08\x00\x00\x00\x00\x00\x00\x00",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := metricspage.WriteStatusFile(dir, metricspage.StatusFile{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	before := stamps(t, dir)
	run := func(want int, args ...string) {
		t.Helper()
		cmd := commandIn(t, t.TempDir(), append([]string{multiprocPath(t), "metrics"}, args...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != want {
			t.Errorf("%s: exit code %d, want %d: %s", args, code, want, out)
		}
		if diff := cmp.Diff(before, stamps(t, dir), cmp.AllowUnexported(stamp{})); diff != "" {
			t.Fatalf("%s has changed:\n%s", args, diff)
		}
	}
	run(1, "ls", "--dir", dir)
	run(1, "show", "--dir", dir)
	run(0, "show", filepath.Join(dir, "counter_w1.db"))
	run(1, "show", filepath.Join(dir, "counter_w1.db"), filepath.Join(dir, "counter_damaged.db"))
	run(0, "dump", "--dir", dir)
	run(1, "verify", "--dir", dir)
	run(0, "watch", "--dir", dir, "--interval", "100ms", "--count", "3")
	run(0, "top", "--dir", dir, "--once", "--interval", "100ms")
	run(0, "diff", dir, dir)

	serving := commandIn(t, t.TempDir(), multiprocPath(t), "metrics", "serve", "--listen", "127.0.0.1:0", "--dir", dir)
	stderr, err := serving.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	log := new(proctest.Log)
	go func() { _, _ = io.Copy(log, stderr) }()
	line := log.Wait(t, make(chan struct{}), "url=")
	_, url, _ := strings.Cut(line, "url=")
	url, _, _ = strings.Cut(url, " ")
	response, err := http.Get(url) //nolint:noctx // the test's end kills the server
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !strings.Contains(string(page), "seen_total 2.0") {
		t.Errorf("%v: %s", err, page)
	}
	_ = serving.Process.Kill()
	_ = serving.Wait()
	if diff := cmp.Diff(before, stamps(t, dir), cmp.AllowUnexported(stamp{})); diff != "" {
		t.Fatalf("serve has changed:\n%s", diff)
	}
}

// makeLargeDirectory makes one as a Python server leaves it that has had many processes: each with a file of counters.
func makeLargeDirectory(tb testing.TB, dir string, processes, counters int) {
	tb.Helper()
	var entries []byte
	var values []int
	for i := range counters {
		key := fmt.Sprintf(`["app_requests", "app_requests_total", {"path": "/api/v1/resource/%d"}, "Requests."]`, i)
		entries = append(binary.LittleEndian.AppendUint32(entries, uint32(len(key))), key...)
		entries = append(entries, strings.Repeat(" ", 8-len(entries)%8)...)
		values = append(values, 8+len(entries))
		entries = append(entries, make([]byte, 16)...)
	}
	file := append(binary.LittleEndian.AppendUint32(nil, uint32(8+len(entries))), 0, 0, 0, 0)
	file = append(file, entries...)
	for p := range processes {
		for i, at := range values {
			binary.LittleEndian.PutUint64(file[at:], math.Float64bits(float64(p+i)))
		}
		path := filepath.Join(dir, fmt.Sprintf("counter_%d.db", 1_000_000_000+p)) // pids that nobody has
		if err := os.WriteFile(path, file, 0o600); err != nil {
			tb.Fatal(err)
		}
		if err := os.Truncate(path, 1<<16); err != nil {
			tb.Fatal(err)
		}
	}
}

// What the directory of a Python server may have after some months.
const largeProcesses, largeCounters = 6802, 98

// mostResident bounds the memory of a command that looks at such a directory, whose metric files are not part of it.
const mostResident = 128 << 20

// TestLargeDirectory lists a large directory, and finds out who has counted what in it, in bounded memory.
func TestLargeDirectory(t *testing.T) {
	proctest.Long(t) // it makes thousands of files
	t.Parallel()
	dir := t.TempDir()
	makeLargeDirectory(t, dir, largeProcesses, largeCounters)
	run := func(args ...string) []byte {
		t.Helper()
		began := time.Now()
		cmd := commandIn(t, dir, append([]string{multiprocPath(t), "metrics"}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", args, err)
		}
		usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		if !ok {
			t.Fatal("no usage")
		}
		t.Logf("%s: %s, %d MiB resident at most, mapped files included", args, time.Since(began).Round(time.Millisecond), usage.Maxrss>>10)
		// Of each file the one or two pages that have something in them are mapped.
		if got, mapped := usage.Maxrss<<10, int64(largeProcesses)*(16<<10); got > mostResident+mapped {
			t.Errorf("%s: %d bytes resident, %d of them mapped at most", args, got, mapped)
		}
		return out
	}
	if n := strings.Count(string(run("ls", "--dir", dir)), "\n"); n != 1+largeProcesses {
		t.Errorf("ls: %d lines", n)
	}
	var shown sideBySide
	if err := json.Unmarshal(run("show", "--dir", dir, "--sample", "app_requests_total", "--match", "/7\"", "--json"), &shown); err != nil {
		t.Fatal(err)
	}
	if len(shown.Columns) != largeProcesses || len(shown.Rows) != 1 || len(shown.Rows[0].Values) != largeProcesses {
		t.Fatalf("show: %d columns, %d rows", len(shown.Columns), len(shown.Rows))
	}
	sum := 0.0
	for p, column := range shown.Columns {
		value := float64(shown.Rows[0].Values[column])
		if value != float64(p+7) {
			t.Fatalf("%s has %v", column, value)
		}
		sum += value
	}
	if merged := shown.Rows[0].Merged; merged == nil || float64(*merged) != sum {
		t.Errorf("merged is %v, want %v", merged, sum)
	}
	if n := strings.Count(string(run("show", "--dir", dir, "--sample", "app_requests_total")), "\n"); n != 1+largeCounters {
		t.Errorf("show: %d lines", n)
	}
	run("top", "--once", "--dir", dir)
}

// BenchmarkInspect times whole commands in a large directory.
func BenchmarkInspect(b *testing.B) {
	dir := b.TempDir()
	makeLargeDirectory(b, dir, largeProcesses, largeCounters)
	for _, args := range [][]string{
		{"ls"}, {"show", "--sample", "app_requests_total"}, {"show", "--match", `/7"`}, {"top", "--once"}, {"verify"},
	} {
		b.Run(strings.Join(args, " "), func(b *testing.B) {
			for b.Loop() {
				cmd := commandIn(b, dir, append([]string{multiprocPath(b), "metrics", args[0], "--dir", dir}, args[1:]...)...)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, out)
				}
			}
		})
	}
}
