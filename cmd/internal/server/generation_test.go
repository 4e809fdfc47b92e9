package server

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiproc/cmd/internal/config"
	"multiproc/internal/listen"
)

// TestEnviron checks that each name occurs once: of two, a Go program sees the first and a C program may see the last.
func TestEnviron(t *testing.T) {
	g := generations{
		env:        []string{"HOME=/root", "SECRET=s", "GOMAXPROCS=64", config.MetricsDirVariable + "=/other", "TZ=CET"},
		metricsDir: "/metrics",
	}
	cfg := &config.Config{
		Threads: 2,
		Env:     []config.Variable{{Name: "TZ", Value: "UTC"}, {Name: config.MetricsDirVariable, Value: "/ini"}, {Name: "EMPTY"}},
		Unenv:   []string{"SECRET"},
	}
	want := []string{"HOME=/root", "GOMAXPROCS=2", "TZ=UTC", "EMPTY=", config.MetricsDirVariable + "=/metrics"}
	if diff := cmp.Diff(want, g.environ(cfg)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	cfg.Env = append(cfg.Env, config.Variable{Name: "GOMAXPROCS", Value: "3"})
	want = []string{"HOME=/root", "TZ=UTC", "EMPTY=", "GOMAXPROCS=3", config.MetricsDirVariable + "=/metrics"}
	if diff := cmp.Diff(want, g.environ(cfg)); diff != "" {
		t.Errorf("threads by env (-want +got)\n%s", diff)
	}
}

// TestActivatedSockets has a socket from systemd that the settings name too: it is listed once, as in the settings.
func TestActivatedSockets(t *testing.T) {
	activated := []listen.Socket{
		{Name: "http", Network: "fd", Address: "3"},
		{Name: "http", Network: "fd", Address: "4"},
	}
	cfg := &config.Config{MetricsSockets: []config.Address{{Network: "fd", FD: 4}}}
	want := []listen.Socket{
		{Name: "metrics", Network: "fd", Address: "4"},
		{Name: "http", Network: "fd", Address: "3"},
	}
	if diff := cmp.Diff(want, workerSockets(cfg, activated)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestProgramArgs(t *testing.T) {
	for command, want := range map[string][]string{
		"python3  server.py -v":   {"python3", "server.py", "-v"},
		`./serve --name "a b"`:    {"/bin/sh", "-c", `exec ./serve --name "a b"`},
		"serve $PORT":             {"/bin/sh", "-c", "exec serve $PORT"},
		"/opt/app/bin/serve":      {"/opt/app/bin/serve"},
		"serve --key=value":       {"serve", "--key=value"},
		"A=1 serve":               {"/bin/sh", "-c", "A=1 serve"},
		"cd /srv && exec ./serve": {"/bin/sh", "-c", "cd /srv && exec ./serve"},
	} {
		if diff := cmp.Diff(want, programArgs(command)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", command, diff)
		}
	}
}
