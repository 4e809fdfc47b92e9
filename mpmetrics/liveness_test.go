package mpmetrics_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"multiproc/mpmetrics"
)

// TestLiveness has processes whose liveness follows from the lock, from the process that has the file open, or is unknown.
func TestLiveness(t *testing.T) {
	dir := t.TempDir()
	w, err := mpmetrics.NewWriter(dir, "w1", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, w)
	dead, err := mpmetrics.NewWriter(dir, "w2", mpmetrics.WriterOptions{})
	check(t, err)
	writeSome(t, dead)
	check(t, dead.Close())

	// As prometheus_client does: named by its pid, and open until its end.
	python := filepath.Join(dir, "counter_new.db")
	put(t, python, metricFile(with(sharedKey, 1)))
	file, err := os.Open(python)
	check(t, err)
	defer file.Close()
	child := exec.CommandContext(t.Context(), "sleep", "1000")
	child.ExtraFiles = []*os.File{file}
	check(t, child.Start())
	check(t, os.Rename(python, filepath.Join(dir, fmt.Sprintf("counter_%d.db", child.Process.Pid))))
	// The pid of a process that does not have the file open, and one that no process has.
	put(t, filepath.Join(dir, fmt.Sprintf("counter_%d.db", os.Getpid())), metricFile(with(ownKey, 1)))
	put(t, filepath.Join(dir, "counter_999999999.db"), metricFile(with(sharedKey, 1)))
	put(t, filepath.Join(dir, "counter_gunicorn.db"), metricFile(with(sharedKey, 1)))

	states := func(dir string) map[string]string {
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
	checkEqual(t, want, states(dir), "processes")
	check(t, child.Process.Kill())
	_ = child.Wait()
	want[childID] = "dead"
	checkEqual(t, want, states(dir), "a dead process")

	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(dir)))
	for id := range want {
		want[id] = "dead"
	}
	want["gunicorn"] = "unknown"
	checkEqual(t, want, states(copied), "a copy")
	check(t, w.Close())
}

// TestPIDNamespace: a pid of another namespace means another process here, so it is not shown.
func TestPIDNamespace(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, ".mpm"), 0o700))
	put(t, filepath.Join(dir, ".mpm", "w1.lock"), []byte(`{"pid": 99, "pid_namespace": 1}`))
	put(t, filepath.Join(dir, ".mpm", "w2.lock"), []byte(`{"pid": 99, "pid_namespace": 0}`))
	var pids []int
	for _, p := range look(t, dir, mpmetrics.InspectorOptions{}).Processes {
		pids = append(pids, p.PID)
	}
	checkEqual(t, []int{0, 99}, pids, "pids")
}
