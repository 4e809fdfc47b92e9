package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	"multiproc/master"
)

// TestStatusCommand shows a server to people and to programs.
func TestStatusCommand(t *testing.T) {
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	stdout, stderr, code := s.run("status", "--ini", s.ini, "--json")
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var status master.Status
	if err := json.Unmarshal([]byte(stdout), &status); err != nil {
		t.Fatalf("%v:\n%s", err, stdout)
	}
	if status.PID != s.cmd.Process.Pid || status.Ready() != 2 || status.Target != 2 || status.Generation != 1 || status.Stopping ||
		status.Workers[0].ID != "w1" || status.Workers[1].Slot != 2 || status.Workers[0].PID == 0 || status.Workers[0].State != "ready" {
		t.Errorf("%+v", status)
	}
	s.await("what has been measured", func(status master.Status) bool {
		return len(status.Listeners) == 1 && status.Listeners[0].Limit > 0 && status.Workers[0].Resident > 1<<20
	})

	stdout, stderr, code = s.run("status", "--ini", s.ini)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	for _, want := range []string{"generation 1, 2 of 2 workers ready, serving", "WORKER", "w1 ", "w2 ", "ready", " MiB", "LISTENER", s.address} {
		if !strings.Contains(stdout, want) {
			t.Errorf("not in the text: %q\n%s", want, stdout)
		}
	}

	if info, err := os.Stat(s.control()); err != nil || info.Mode() != fs.ModeSocket|0o600 {
		t.Errorf("the control socket: %v %v", info.Mode(), err)
	}
	s.stop()
	for _, command := range []string{"status", "reload", "stop"} {
		if _, stderr, code := s.run(command, "--ini", s.ini); code != 1 || !strings.Contains(stderr, s.control()) {
			t.Errorf("%s without a server: exit code %d: %s", command, code, stderr)
		}
	}
}
