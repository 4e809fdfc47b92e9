package server

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"multiproc/cmd/internal/config"
	"multiproc/internal/proctest"
	"multiproc/master"
)

func TestFirstSteps(t *testing.T) {
	cfg := &config.Config{Database: filepath.Join(t.TempDir(), "multiproc.db")}
	want := firstSteps{
		populate:        "multiproc populate --ini multiproc.ini --transactions 1000",
		createSuperuser: "multiproc createsuperuser --ini multiproc.ini",
	}
	if steps := newFirstSteps(cfg, "multiproc", "--ini", "multiproc.ini"); steps != want {
		t.Errorf("%+v", steps)
	}
	want.populate = "go run ./cmd/multiproc populate --ini multiproc.ini --transactions 1000"
	if steps := newFirstSteps(cfg, "/tmp/go-build1/b001/exe/multiproc", "--ini", "multiproc.ini"); steps.populate != want.populate {
		t.Errorf("by go run: %+v", steps)
	}
	for name, cfg := range map[string]*config.Config{
		"no database":     {},
		"another program": {Database: cfg.Database, Command: "python3 server.py"},
		"an old database": {Database: os.Args[0]},
	} {
		if steps := newFirstSteps(cfg, "multiproc"); steps != (firstSteps{}) {
			t.Errorf("%s: %+v", name, steps)
		}
	}
}

// TestFirstStepsWhenReady wants the commands in the log once, and not before all workers are ready.
func TestFirstStepsWhenReady(t *testing.T) {
	var log proctest.Log
	in := &instance{log: slog.New(slog.NewTextHandler(&log, nil))}
	calls := 0
	hooks := firstSteps{"populate it", "create a user"}.logWhenReady(in, master.Hooks{Status: func(master.Status) { calls++ }})
	ready := master.WorkerStatus{State: master.StateReady}
	hooks.Status(master.Status{Target: 2, Workers: []master.WorkerStatus{ready}})
	if log.Count() > 0 {
		t.Errorf("logged while one of two workers is ready:\n%s", &log)
	}
	for range 2 {
		hooks.Status(master.Status{Target: 2, Workers: []master.WorkerStatus{ready, ready}})
	}
	if calls != 3 || log.Count() != 2 || log.Count("populate it") != 1 || log.Count("create a user") != 1 {
		t.Errorf("%d calls of the other hook, logged:\n%s", calls, &log)
	}
}
