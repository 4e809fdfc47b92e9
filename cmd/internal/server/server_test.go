package server

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/cmd/internal/config"
)

func TestFirstSteps(t *testing.T) {
	cfg := &config.Config{Database: filepath.Join(t.TempDir(), "multiproc.db")}
	for program, name := range map[string]string{"multiproc": "multiproc", "/tmp/go-build1/b001/exe/multiproc": "go run ./cmd/multiproc"} {
		want := []string{
			name + " populate --ini multiproc.ini --transactions 1000",
			name + " createsuperuser --ini multiproc.ini",
		}
		if diff := cmp.Diff(want, firstSteps(cfg, program, "--ini", "multiproc.ini")); diff != "" {
			t.Errorf("%s: -want +got:\n%s", program, diff)
		}
	}
	spaces := []string{"multiproc populate --ini 'a '\\''b.ini' --transactions 1000", "multiproc createsuperuser --ini 'a '\\''b.ini'"}
	if diff := cmp.Diff(spaces, firstSteps(cfg, "multiproc", "--ini", "a 'b.ini")); diff != "" {
		t.Errorf("a name to quote: -want +got:\n%s", diff)
	}
	if steps := firstSteps(cfg, "multiproc"); steps != nil {
		t.Errorf("no ini file: %q", steps)
	}
	for name, cfg := range map[string]*config.Config{
		"no database":     {},
		"another program": {Database: cfg.Database, Command: "python3 server.py"},
		"an old database": {Database: os.Args[0]},
	} {
		if steps := firstSteps(cfg, "multiproc", "--ini", "multiproc.ini"); steps != nil {
			t.Errorf("%s: %q", name, steps)
		}
	}
}

// check ends the test on an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
