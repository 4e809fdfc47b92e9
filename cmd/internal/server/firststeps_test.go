package server

import (
	"os"
	"path/filepath"
	"testing"

	"multiproc/cmd/internal/config"
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
