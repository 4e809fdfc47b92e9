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

// TestLiveness finds out who lives: by the lock, by the process that has the file open, and not at all.
func TestLiveness(t *testing.T) {
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

	livenesses := func(dir string) map[string]string {
		found := map[string]string{}
		for _, p := range look(t, dir, mpmetrics.InspectorOptions{}).Processes {
			found[p.ID] = p.Liveness.String()
		}
		return found
	}
	childID, self := strconv.Itoa(child.Process.Pid), strconv.Itoa(os.Getpid())
	want := map[string]string{
		"w1": "alive", "w2": "dead", childID: "alive", self: "dead", "999999999": "dead", "gunicorn": "unknown",
	}
	if diff := cmp.Diff(want, livenesses(dir)); diff != "" {
		t.Errorf("processes (-want +got):\n%s", diff)
	}
	check(t, child.Process.Kill())
	_ = child.Wait()
	want[childID] = "dead"
	if diff := cmp.Diff(want, livenesses(dir)); diff != "" {
		t.Errorf("a dead process (-want +got):\n%s", diff)
	}

	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(dir)))
	for id := range want {
		want[id] = "dead"
	}
	want["gunicorn"] = "unknown"
	if diff := cmp.Diff(want, livenesses(copied)); diff != "" {
		t.Errorf("a copy (-want +got):\n%s", diff)
	}
	check(t, w.Close())
}

// TestPIDNamespace has locks of processes in another pid namespace, where a pid means another process, and in this one.
func TestPIDNamespace(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 99, "pid_namespace": 1}`))
	put(t, filepath.Join(dir, ".mpm", "w2.lock"), []byte(`{"pid": 99, "pid_namespace": 0}`))
	var pids []int
	for _, p := range look(t, dir, mpmetrics.InspectorOptions{}).Processes {
		pids = append(pids, p.PID)
	}
	if diff := cmp.Diff([]int{0, 99}, pids); diff != "" {
		t.Errorf("pids (-want +got):\n%s", diff)
	}
}
