package mpmetrics_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"multiproc/internal/proctest"
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

	// As prometheus_client does: open until the end, and named by the pid, the number of a worker, or anything else.
	others := proctest.Start(t, "live", dir)
	want := map[string]string{"w1": "alive", "w2": "dead"}
	ids := []string{strconv.Itoa(others.PID()), "2", "w3", "123-0", "web-7.example.org", "999999998"}
	for _, id := range ids {
		others.Ask("counter_" + id + ".db")
		want[id] = "alive"
	}
	// Files whose writers are unknown. 999999999 is no process's pid, which proves that the writer is dead only where all
	// processes would be seen.
	nobody := "unknown"
	if ns, err := os.Readlink("/proc/self/ns/pid"); err == nil && ns == "pid:[4026531836]" && os.Geteuid() == 0 {
		nobody = "dead"
	}
	self := strconv.Itoa(os.Getpid())
	for id, state := range map[string]string{self: "unknown", "1": "unknown", "999999999": nobody, "gunicorn": "unknown"} {
		put(t, filepath.Join(dir, "counter_"+id+".db"), metricFile(with(sharedKey, 1)))
		want[id] = state
	}
	reader := mpmetrics.NewCollector(dir, mpmetrics.CollectorOptions{})
	defer reader.Close()
	scrapeWith(t, reader) // this process has them all mapped

	inspector := mpmetrics.NewInspector(dir, mpmetrics.InspectorOptions{})
	defer inspector.Close()
	states := func(inspector *mpmetrics.Inspector) map[string]string {
		in, err := inspector.Look()
		check(t, err)
		found := map[string]string{}
		for _, p := range in.Processes {
			found[p.ID] = p.Liveness.String()
			if pid := p.PID; p.Liveness == mpmetrics.Alive && pid != others.PID() && pid != os.Getpid() ||
				p.Liveness == mpmetrics.LivenessUnknown && pid != 0 {
				t.Errorf("%s has the pid %d", p.ID, pid)
			}
		}
		return found
	}
	for range 2 {
		checkEqual(t, want, states(inspector), "processes")
	}
	others.Kill()
	for _, id := range ids {
		want[id] = "unknown"
	}
	want["999999998"], want[ids[0]] = nobody, nobody
	checkEqual(t, want, states(inspector), "dead processes")

	copied := filepath.Join(t.TempDir(), "copy")
	check(t, os.CopyFS(copied, os.DirFS(dir)))
	want["w1"] = "dead"
	other := mpmetrics.NewInspector(copied, mpmetrics.InspectorOptions{})
	defer other.Close()
	checkEqual(t, want, states(other), "a copy")
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
