package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asNobody returns a way to run multiproc as a user other than root: this user, or nobody if this one is root.
func asNobody(t *testing.T) (dir string, run func(args ...string) (out string, code exitCode)) {
	t.Helper()
	dir = t.TempDir()
	program := filepath.Join(dir, "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	openTo(t, dir)
	return dir, func(args ...string) (string, exitCode) {
		t.Helper()
		cmd := commandIn(t, dir, append([]string{program}, args...)...)
		cmd.Env = append(os.Environ(), "HOME=/")
		if os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		}
		out, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), exitCode(cmd.ProcessState.ExitCode())
	}
}

// TestInspectionWithoutPermission inspects what this user may not read: one clear line for it, and the rest is shown.
func TestInspectionWithoutPermission(t *testing.T) {
	t.Parallel()
	dir, run := asNobody(t)
	entry, err := os.ReadFile("../../testdata/conformance/h16/worker_ids/counter_w1.db")
	check(t, err)
	metrics := filepath.Join(dir, "metrics")
	for _, d := range []string{metrics, filepath.Join(dir, "closed")} {
		check(t, os.Mkdir(d, 0o755))
	}
	for name, mode := range map[string]os.FileMode{"counter_1.db": 0o644, "counter_2.db": 0} {
		check(t, os.WriteFile(filepath.Join(metrics, name), entry, mode))
	}
	check(t, os.Chmod(filepath.Join(dir, "closed"), 0))
	f := func(want exitCode, args string, parts ...string) {
		t.Helper()
		out, code := run(append([]string{"metrics"}, strings.Fields(args)...)...)
		if code != want {
			t.Errorf("%s: exit code %d, want %d", args, code, want)
		}
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("%s: no %q in\n%s", args, part, out)
			}
		}
	}
	const closed = "multiproc: open closed: permission denied\n"
	for _, args := range []string{"ls --dir", "show --dir", "dump --dir", "verify --dir", "watch --count 1 --dir", "top --once --dir", "serve --listen 127.0.0.1:0 --dir"} {
		f(2, args+" closed", closed)
	}
	f(2, "diff metrics closed", closed)
	f(2, "show closed/counter_1.db", closed)
	const line = "ids_total"
	f(1, "ls --dir metrics", "counter_1.db", "counter_2.db  permission denied\n", "faulty files: 1\n")
	f(1, "show --dir metrics", line, "counter_2.db: permission denied\n")
	f(1, "show metrics/counter_1.db metrics/counter_2.db", line, "counter_2.db: permission denied\n")
	f(1, "show metrics/counter_2.db", "counter_2.db: permission denied\n")
	f(1, "dump --dir metrics", line, `multiproc_metric_files_faulty{reason="unreadable"} 1.0`)
	f(0, "top --once --dir metrics", "faulty files: 1")
	f(0, "watch --count 1 --dir metrics")

	// A copy whose lock names a pid that is another process by now, whose descriptors this user may not see.
	copied := filepath.Join(dir, "copied", ".mpm")
	check(t, os.MkdirAll(copied, 0o755))
	for name, text := range map[string]string{
		"w1.lock":     `{"pid": 1, "slot": 1}`,
		"master.note": `{"at": "2026-01-01T00:00:00Z", "status": {"workers": [{"id": "w1", "pid": 1, "state": "ready", "resident_bytes": 1048576}]}}`,
	} {
		check(t, os.WriteFile(filepath.Join(copied, name), []byte(text), 0o644))
	}
	f(0, "top --once --dir copied", "nothing is running", "1.0 MiB")
}
