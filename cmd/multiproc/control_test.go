package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
	"multiproc/worker/handoff"
)

// TestStatusCommand prints the status as text and as JSON.
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
	if upper := regexp.MustCompile(`"\w*[A-Z]\w*":`).FindString(stdout); upper != "" || !strings.Contains(stdout, `"reloads": []`) {
		t.Errorf("%s is not in the form of the rest:\n%s", upper, stdout)
	}
	if status.PID != s.cmd.Process.Pid || status.Ready() != 2 || status.Target != 2 || status.Generation != 1 || status.Stopping ||
		status.Workers[0].ID != "w1" || status.Workers[1].Slot != 2 || status.Workers[0].PID == 0 || status.Workers[0].State != "ready" {
		t.Errorf("%+v", status)
	}
	s.await("what has been measured", func(status master.Status) bool {
		return len(status.Listeners) == 1 && status.Listeners[0].Limit > 0 && status.Workers[0].Resident > 1<<20 &&
			status.Workers[0].Virtual > status.Workers[0].Resident
	})

	stdout, stderr, code = s.run("status", "--ini", s.ini)
	if code != 0 || stderr != "" {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	if !strings.Contains(stdout, "generation 1, 2 of 2 workers ready, serving") {
		t.Errorf("the text is\n%s", stdout)
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

// TestStatusHistory kills a worker, fails a reload and completes another: the status shows each with its reason.
func TestStatusHistory(t *testing.T) {
	t.Parallel()
	ini := "socket = 127.0.0.1:0\nprocesses = 2\n" + appINI(t)
	s := startServer(t, ini)
	first := s.workers()[0]
	proctest.Kill(t, first, syscall.SIGKILL)
	status := s.awaitReplaced(first)
	for _, w := range status.Workers {
		switch {
		case w.Slot == 2 && (w.Restarts != 0 || w.LastExit != nil):
			t.Errorf("a worker that is the first of its slot: %+v", w)
		case w.Slot == 1 && (w.Restarts != 1 || w.LastExit == nil):
			t.Errorf("a worker whose predecessor was killed: %+v", w)
		case w.Slot == 1:
			e := *w.LastExit
			if e.Reason != "crash" || e.How != "was killed by signal 9 (killed)" || e.At.Before(status.Started) || time.Since(e.At) > proctest.Patience {
				t.Errorf("its predecessor was killed, not %+v", e)
			}
		}
	}
	if len(status.Reloads) > 0 || len(status.Waiting) > 0 {
		t.Errorf("%+v", status)
	}
	if stdout, _, _ := s.run("status", "--ini", s.ini); !strings.Contains(stdout, "ago: crash, was killed by signal 9 (killed)") ||
		strings.Contains(stdout, "RELOAD") {
		t.Errorf("the status is\n%s", stdout)
	}

	s.writeINI(ini + "command = " + script(t, `printf 'error: \033[31mno such database\n' >&2`, "exit 1") + "\n")
	output, _ := s.tryReload()
	s.writeINI(ini)
	s.mustReload()
	status = s.awaitNoneDraining()
	if len(status.Reloads) != 2 {
		t.Fatalf("reloads: %+v", status.Reloads)
	}
	for i, r := range status.Reloads {
		wantOutcome, wantError := "rolled-back", strings.TrimSuffix(strings.TrimPrefix(output, "multiproc: reload: "), "; generation 1 keeps serving\n")
		if i == 1 {
			wantOutcome, wantError = "committed", ""
		}
		if r.Generation != status.Generation-1+handoff.Generation(i) || r.Outcome != wantOutcome || r.Error != wantError || r.Took <= 0 ||
			r.Began.Before(status.Started) || r.Began.Add(r.Took).After(time.Now()) {
			t.Errorf("reload %d is %+v, want %s, %q", i, r, wantOutcome, wantError)
		}
	}
	if failed := status.Reloads[0].Error; !strings.HasPrefix(failed, "worker w") || !strings.HasSuffix(failed, "no such database") {
		t.Errorf("the reload failed by %q", failed)
	}
	for _, w := range status.Workers {
		if w.Restarts < 1 || w.LastExit == nil || w.LastExit.Reason != "reload" {
			t.Errorf("after a reload: %+v %+v", w, w.LastExit)
		}
	}
	stdout, _, _ := s.run("status", "--ini", s.ini)
	for _, want := range []string{"RELOAD ", " rolled-back ", "no such database", " committed "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("not in the text: %q\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "\x1b") {
		t.Errorf("a worker writes to the terminal of the status: %q", stdout)
	}
	s.stop()
}
