package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// rootPaths is a directory with one of root's that nobody cannot enter, and one of the service user's, nobody.
func rootPaths(t *testing.T) (dir, program string) {
	t.Helper()
	proctest.Root(t)
	dir = t.TempDir()
	openTo(t, dir)
	program = filepath.Join(dir, "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	check(t, errors.Join(
		os.Mkdir(filepath.Join(dir, "root"), 0o755),
		os.WriteFile(filepath.Join(dir, "root", "file"), []byte("1234\n"), 0o644),
		os.Mkdir(filepath.Join(dir, "service"), 0o755),
		os.Chown(filepath.Join(dir, "service"), nobody, nobody),
	))
	for _, name := range []string{"root", "root/file"} {
		check(t, os.Chmod(filepath.Join(dir, name), 0o755)) // whatever the umask
	}
	return dir, program
}

// TestRootMakesNothingForOthers: the service user has each path lead into root's directory. A server that starts as root changes
// nothing there, although it would do so at once if root itself had named that directory.
func TestRootMakesNothingForOthers(t *testing.T) {
	t.Parallel()
	dir, program := rootPaths(t)
	service, root := filepath.Join(dir, "service"), filepath.Join(dir, "root")
	check(t, errors.Join(
		os.Symlink(root, filepath.Join(service, "dir")),
		os.Symlink("../root/new", filepath.Join(service, "new")),
		os.Symlink(filepath.Join(root, "file"), filepath.Join(service, "link")),
		os.Link(filepath.Join(root, "file"), filepath.Join(service, "hard")),
	))
	before := tree(t, root)
	ini := filepath.Join(dir, "a.ini")
	for _, key := range []string{"logto", "pidfile", "control", "socket", "stats", "health", "metrics-socket", "metrics-dir"} {
		for _, path := range []string{"dir/made", "new", "link", "hard"} {
			writeFile(t, ini, "[multiproc]\nsocket = 127.0.0.1:0\nuid = nobody\nchmod-socket = 666\ncontrol = "+service+"/control\nmetrics-dir = "+
				service+"/metrics\n"+key+" = "+filepath.Join(service, path)+"\n")
			ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
			out, err := exec.CommandContext(ctx, program, "--ini", ini).CombinedOutput()
			cancel()
			if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() < 1 {
				t.Errorf("%s = %s: %v\n%s", key, path, err, out)
			}
			if now := tree(t, root); !maps.Equal(before, now) {
				t.Fatalf("%s = %s: root's directory was %v, is %v\n%s", key, path, before, now, out)
			}
		}
	}
}

// TestLogOfTheServiceUser: as the manual says, the service user owns the directory of the log, which is rotated.
func TestLogOfTheServiceUser(t *testing.T) {
	t.Parallel()
	dir, program := rootPaths(t)
	log, socket := filepath.Join(dir, "service", "app.log"), filepath.Join(dir, "service", "app.sock")
	s := startServer(t, "socket = "+socket+"\nuid = nobody\nlogto = "+log+"\npidfile = "+filepath.Join(dir, "service", "app.pid")+"\n",
		in(dir), at(socket), withProgram(program))
	mustBeNobodys(t, filepath.Join(dir, "service"))
	mustBeNobodys(t, s.metricsDir()) // made by root, in a directory where only root may do that
	check(t, os.Rename(log, log+".1"))
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGUSR1)
	proctest.Eventually(t, "a new log", func() bool { return logHas(log, "log reopened") })
	mustBeNobodys(t, log)
	s.stop()
}
