package mpmetrics_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/mpmetrics"
)

// TestLife finds out who lives: by the lock, by the process that has the file open, and not at all.
func TestLife(t *testing.T) {
	dir := t.TempDir()
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, w)
	dead, err := mpmetrics.NewWriter(dir, "w2", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, dead)
	check(t, dead.Close())

	// As prometheus_client does: named by its pid, and open for its life.
	python := filepath.Join(dir, "counter_new.db")
	put(t, python, metricFile(with(sharedKey, 1)))
	file, err := os.Open(python)
	check(t, err)
	defer file.Close()
	child := exec.CommandContext(t.Context(), "sleep", "1000")
	child.ExtraFiles = []*os.File{file}
	check(t, child.Start())
	check(t, os.Rename(python, filepath.Join(dir, fmt.Sprintf("counter_%d.db", child.Process.Pid))))
	// The pid of a process that knows nothing of the file, and one that nobody has.
	put(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", os.Getpid())), metricFile(with(ownKey, 1)))
	put(t, filepath.Join(dir, "counter_999999999.db"), metricFile(with(sharedKey, 1)))
	put(t, filepath.Join(dir, "counter_gunicorn.db"), metricFile(with(sharedKey, 1)))

	lives := func(dir string, noLocks bool) map[string]string {
		found := map[string]string{}
		for _, p := range look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks}).Processes {
			found[p.ID] = p.Life.String()
		}
		return found
	}
	childID, self := strconv.Itoa(child.Process.Pid), strconv.Itoa(os.Getpid())
	want := map[string]string{
		"w1": "alive", "w2": "dead", childID: "alive", self: "dead", "999999999": "dead", "gunicorn": "unknown",
	}
	for _, noLocks := range []bool{false, true} {
		if diff := cmp.Diff(want, lives(dir, noLocks)); diff != "" {
			t.Errorf("without locks: %v (-want +got):\n%s", noLocks, diff)
		}
	}
	check(t, child.Process.Kill())
	_ = child.Wait()
	want[childID] = "dead"
	if diff := cmp.Diff(want, lives(dir, false)); diff != "" {
		t.Errorf("a dead process (-want +got):\n%s", diff)
	}

	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(dir)))
	for id := range want {
		want[id] = "dead"
	}
	want["gunicorn"] = "unknown"
	for _, noLocks := range []bool{false, true} {
		if diff := cmp.Diff(want, lives(copied, noLocks)); diff != "" {
			t.Errorf("a copy, without locks: %v (-want +got):\n%s", noLocks, diff)
		}
	}
	check(t, w.Close())
}

// TestLifeElsewhere has a lock of a process in another pid namespace, where a pid means another process.
func TestLifeElsewhere(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 999999999, "pid_namespace": 1}`))
	put(t, filepath.Join(dir, ".mpm", "w2.lock"), []byte(`{"pid": 999999999, "pid_namespace": 0}`))
	for noLocks, want := range map[bool][]mpmetrics.Life{
		false: {mpmetrics.Dead, mpmetrics.Dead}, true: {mpmetrics.LifeUnknown, mpmetrics.Dead},
	} {
		processes := look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks}).Processes
		if len(processes) != len(want) {
			t.Fatalf("%d processes, want %d", len(processes), len(want))
		}
		for i, p := range processes {
			if p.Life != want[i] {
				t.Errorf("%s is %s, want %s, without locks: %v", p.ID, p.Life, want[i], noLocks)
			}
		}
	}
}

// TestNoLocks shows that with NoLocks nobody is asked for a lock, so that what the dead have left counts.
func TestNoLocks(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "gauge_livesum_w1.db"), metricFile(with(`["g", "g", {}, ""]`, 3)))
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 1`)) // and no valid JSON
	for noLocks, want := range map[bool]int{false: 0, true: 1} {
		in := look(t, dir, mpmetrics.InspectorOptions{NoLocks: noLocks})
		if rows := in.Compare(nil, nil); len(rows) != want {
			t.Errorf("without locks: %v: %v", noLocks, rows)
		}
	}
}
