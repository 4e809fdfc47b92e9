package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// figure is a quantity that must not grow while a server runs.
type figure struct {
	name string
	// slack is the allowed absolute growth: what the runtime, or the distribution of connections over workers, accounts for.
	slack float64
	// And the allowed relative growth, for memory that depends on the amount of data.
	share float64
	// A figure of the workers' own begins again with each worker, so it can grow only while workers are not replaced.
	ofWorkers bool
}

// The figures in the order of measure: of the master (m.) and of the worker with the highest value (w.).
var serverFigures = []figure{
	{name: "m.sockets", slack: 4}, // each status request has one
	{name: "m.descriptors", slack: 4},
	{name: "m.threads", slack: 8}, // the runtime never ends a thread
	{name: "m.KiB", slack: 4 << 10, share: 0.25},
	{name: "w.sockets", slack: 24, ofWorkers: true},
	{name: "w.descriptors", slack: 4, ofWorkers: true},
	{name: "w.threads", slack: 8, ofWorkers: true},
	{name: "w.KiB", slack: 4 << 10, share: 0.25, ofWorkers: true},
	{name: "w.goroutines", slack: 16, ofWorkers: true},
	{name: "files", slack: 12}, // metric files: each slot has some, and more for hand-overs
	{name: "files KiB", slack: 12 * 64},
	{name: "-wal KiB", slack: 8 << 10}, // SQLite restarts it after 4 MiB
	{name: ".lock bytes"},
}

// measurement holds the figures at one time.
type measurement struct {
	after  time.Duration
	values []float64 // in the order of serverFigures
}

// measure measures a server all of whose workers serve. Of the workers it takes the highest value.
func (k *tracker) measure(after time.Duration) measurement {
	k.tb.Helper()
	masterUsage := processFigures(k.cmd.Process.Pid)
	var most [4]float64
	workers := k.workers()
	for _, pid := range workers {
		for i, value := range processFigures(pid) {
			most[i] = max(most[i], value)
		}
	}
	files, bytes := 0, int64(0)
	err := filepath.WalkDir(k.metricsDir(), func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			files++
			bytes += info.Size()
		}
		return err
	})
	check(k.tb, err)
	return measurement{after, []float64{
		masterUsage[0], masterUsage[1], masterUsage[2], masterUsage[3], most[0], most[1], most[2], most[3],
		k.valueOf("go_goroutines") / float64(len(workers)),
		float64(files), float64(bytes >> 10), float64(sizeOf(k.tb, k.database+"-wal") >> 10), float64(sizeOf(k.tb, k.database+".lock")),
	}}
}

// processFigures returns the sockets, other descriptors, threads and memory in KiB of a process; 0 if it has just exited.
func processFigures(pid int) (values [4]float64) {
	for _, to := range proctest.Descriptors(pid) {
		if strings.HasPrefix(to, "socket:") {
			values[0]++
		} else {
			values[1]++
		}
	}
	if threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid)); err == nil {
		values[2] = float64(len(threads))
	}
	if usage, err := master.ReadUsage(pid); err == nil {
		values[3] = float64(usage.AnonBytes >> 10)
	}
	return values
}

func sizeOf(tb testing.TB, path string) int64 {
	tb.Helper()
	info, err := os.Stat(path)
	check(tb, err)
	return info.Size()
}

// grown compares the median of the first third of the measurements with that of the last and returns the figures that grew by
// more than they may.
func grown(figures []figure, measurements []measurement, ofWorkers bool) []string {
	third := len(measurements) / 3
	if third == 0 {
		return nil
	}
	var found []string
	for i, f := range figures {
		if f.ofWorkers && !ofWorkers {
			continue
		}
		first, last := medianOf(measurements[:third], i), medianOf(measurements[len(measurements)-third:], i)
		if last > first*(1+f.share)+f.slack {
			found = append(found, fmt.Sprintf("%s: %.0f in the first third, %.0f in the last", f.name, first, last))
		}
	}
	return found
}

func medianOf(measurements []measurement, i int) float64 {
	var values []float64
	for _, m := range measurements {
		values = append(values, m.values[i])
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// figureTable prints the measurements, or a selection of many.
func figureTable(figures []figure, measurements []measurement) string {
	const most = 24
	var text strings.Builder
	text.WriteString("\n   after")
	for _, f := range figures {
		text.WriteString("  " + f.name)
	}
	every := (len(measurements) + most - 1) / most
	for n, m := range measurements {
		if n%every != 0 && n < len(measurements)-1 {
			continue
		}
		fmt.Fprintf(&text, "\n%8s", m.after.Round(time.Second))
		for i, value := range m.values {
			fmt.Fprintf(&text, "  %*.0f", len(figures[i].name), value)
		}
	}
	return text.String()
}

// TestGrown finds a figure that grows, and not one that goes up and down.
func TestGrown(t *testing.T) {
	series := func(values ...float64) (ms []measurement) {
		for _, value := range values {
			ms = append(ms, measurement{0, []float64{value, value}})
		}
		return ms
	}
	figures := []figure{{name: "x", slack: 4, share: 0.25}, {name: "of workers", slack: 4, share: 0.25, ofWorkers: true}}
	for _, test := range []struct {
		values []measurement
		want   int
	}{
		{series(10, 10, 10, 10, 10, 10), 0},
		{series(10, 16, 10, 16, 10, 16), 0},
		{series(10, 10, 10, 10, 10, 10, 100, 10, 10), 0},
		{series(10, 12, 14, 16, 18, 20, 22, 24, 26), 1},
		{series(10, 100), 0}, // too few
		{series(10, 15, 17), 1},
	} {
		if got := grown(figures, test.values, false); len(got) != test.want {
			t.Errorf("%v: %q", test.values, got)
		}
		if got := grown(figures, test.values, true); len(got) != 2*test.want {
			t.Errorf("%v: %q", test.values, got)
		}
	}
}
