package control

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiproc/internal/listen"
	"multiproc/master"
)

func TestPrintStatus(t *testing.T) {
	now := time.Now()
	exit := &master.ExitStatus{At: now.Add(-time.Minute), Reason: "crash", How: "killed by signal 9"}
	s := master.Status{
		PID: 7, Program: "/bin/multiproc", Generation: 2, Target: 3, Started: now.Add(-time.Hour),
		Workers: []master.WorkerStatus{
			{ID: "w1", PID: 71, Generation: 2, State: "ready", Started: now.Add(-time.Second), Restarts: 1, Resident: 5 << 19, LastExit: exit, StatusText: "warm"},
			{ID: "w2", PID: 72, Generation: 1, State: "draining", Leaving: "reload", Started: now.Add(-time.Hour), CPU: 1234 * time.Millisecond},
		},
		Waiting: []master.SlotStatus{{Slot: 3, Next: now.Add(2 * time.Second), Restarts: 4, LastExit: exit}},
		Exporter: &master.ExporterStatus{
			Processes: []master.WorkerStatus{{ID: "exporter", PID: 73, Generation: 1, State: "draining", Leaving: "reload", Started: now}},
			Waiting:   &master.SlotStatus{Next: now.Add(time.Second), Restarts: 2},
		},
		Listeners: []listen.Queue{{Listener: "127.0.0.1:8000", Length: 1, Limit: 4096}},
		Reloads: []master.ReloadStatus{
			{Began: now, Generation: 2, Outcome: "committed", Took: 1500 * time.Microsecond},
			{Began: now, Generation: 3},
		},
	}
	var text strings.Builder
	if err := printStatus(&text, s, now); err != nil {
		t.Fatal(err)
	}
	began := now.Local().Format(time.DateTime)
	want := []string{
		"master 7, up 1h0m0s, generation 2, 1 of 3 workers ready, serving",
		"/bin/multiproc",
		"",
		"WORKER PID GENERATION STATE UP RESTARTS MEMORY CPU LAST EXIT",
		"w1 71 2 ready 1s 1 2.5 MiB 0s 1m0s ago: crash, killed by signal 9 warm",
		"w2 72 1 draining (reload) 1h0m0s 0 0.0 MiB 1.23s -",
		"exporter 73 1 draining (reload) 0s 0 0.0 MiB 0s -",
		"w3 - - starts in 2s - 4 - - 1m0s ago: crash, killed by signal 9",
		"exporter - - starts in 1s - 2 - - -",
		"",
		"LISTENER QUEUE LIMIT",
		"127.0.0.1:8000 1 4096",
		"",
		"RELOAD GENERATION OUTCOME TOOK ERROR",
		began + " 2 committed 2ms",
		began + " 3 in progress 0s",
	}
	var got []string
	for line := range strings.Lines(text.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
