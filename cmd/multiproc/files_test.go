package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// filesINI makes the server create every kind of file.
const filesINI = "socket = 127.0.0.1:0\nsocket = %[1]s/http.sock\nhealth = %[1]s/health.sock\nprocesses = 2\npidfile = %[1]s/multiproc.pid\n" +
	"logto = %[1]s/multiproc.log\ndatabase = %[1]s/multiproc.db\n%[2]s"

// TestFilesFollowTheUmask starts a server and checks the owner and mode of every file that it made.
func TestFilesFollowTheUmask(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		ini  string
		mask fs.FileMode
	}{
		"unset": {"", 0o077},
		"027":   {"umask = 027\n", 0o027},
		"022":   {"umask = 022\n", 0o022},
	} {
		t.Run(name, func(t *testing.T) {
			s := startFiles(t, t.TempDir(), row.ini)
			mustHaveModes(t, s.dir, row.mask, os.Getuid())
			s.stop()
			mustHaveModes(t, s.dir, row.mask, os.Getuid()) // and the bits that it leaves
		})
	}
}

// TestFilesBelongToUID starts as root and drops to another user.
func TestFilesBelongToUID(t *testing.T) {
	proctest.Root(t)
	dir := t.TempDir()
	program := filepath.Join(dir, "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	openTo(t, dir)
	check(t, os.Chown(dir, nobody, nobody))
	s := startFiles(t, dir, "uid = nobody\n", withProgram(program))
	mustHaveModes(t, dir, 0o077, nobody)
	s.stop()
	mustHaveModes(t, dir, 0o077, nobody)
}

// startFiles starts the server in an empty directory.
func startFiles(t *testing.T, dir, more string, options ...func(*serverOptions)) *testServer {
	t.Helper()
	return startServer(t, fmt.Sprintf(filesINI, dir, more), append(options, in(dir), at(filepath.Join(dir, "http.sock")))...)
}

// madeByTests lists the files that the server did not make.
func madeByTests(name string) bool {
	return name == "multiproc.ini" || name == "multiproc" || name == "roots"
}

// mustHaveModes checks all files of a server in a directory. Some must be unreadable for everyone else.
func mustHaveModes(tb testing.TB, dir string, mask fs.FileMode, uid int) {
	tb.Helper()
	kinds := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir || madeByTests(entry.Name()) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name := entry.Name()
		want := fs.FileMode(0o644)
		switch {
		case name == "control.sock", strings.HasPrefix(name, "multiproc.db"):
			want = 0o600
		case info.IsDir():
			want = 0o755
		case info.Mode().Type() == fs.ModeSocket:
			want = 0o777
		}
		kinds[info.Mode().Type().String()]++
		if got := info.Mode().Perm(); got != want&^mask {
			tb.Errorf("%s has mode %03o, want %03o", path, got, want&^mask)
		}
		if stat := info.Sys().(*syscall.Stat_t); int(stat.Uid) != uid {
			tb.Errorf("%s belongs to user %d, want %d", path, stat.Uid, uid)
		}
		return nil
	})
	check(tb, err)
	if len(kinds) < 2 {
		tb.Errorf("hardly anything was made: %v", kinds)
	}
}

// TestSidecarReadsTheMetrics has another user read the metrics directory, as a scraper beside the server would: with umask
// 022 it sees what the server itself shows, with the default nothing.
func TestSidecarReadsTheMetrics(t *testing.T) {
	proctest.Root(t)
	program := filepath.Join(t.TempDir(), "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	openTo(t, filepath.Dir(program))
	sidecar := func(s *testServer) (string, error) {
		openTo(t, s.dir)
		cmd := exec.CommandContext(t.Context(), program, "metrics", "dump", "--dir", s.metricsDir())
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	const workers = `multiproc_workers{state="ready"} 2.0` // a live gauge: the lock files must be readable, too
	open := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\numask = 022\n")
	if text, err := sidecar(open); err != nil || !strings.Contains(text, workers) {
		t.Errorf("umask 022: %v, %s", err, text)
	}
	shut := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	if text, err := sidecar(shut); err == nil || strings.Contains(text, workers) {
		t.Errorf("the default umask: %v, %s", err, text)
	}
}

// openTo lets others enter a directory of a test.
func openTo(tb testing.TB, dir string) {
	tb.Helper()
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		check(tb, os.Chmod(dir, 0o755))
	}
}

// TestDescriptorsOfTheParent has a parent that leaves descriptors open, as careless service managers and shells do. The master's
// children must not inherit them.
func TestDescriptorsOfTheParent(t *testing.T) {
	t.Parallel()
	left, err := os.Create(filepath.Join(t.TempDir(), "left open"))
	check(t, err)
	defer left.Close()
	files := make([]*os.File, 64-3)
	for _, fd := range []int{3, 7, 63} {
		files[fd-3] = left
	}
	for name, ini := range map[string]string{"own workers": "", "program": "notify = false\ncommand = sleep 1000\n"} {
		t.Run(name, func(t *testing.T) {
			s := startServer(t, "socket = 127.0.0.1:0\n"+ini, func(o *serverOptions) { o.files = files })
			none := func() {
				t.Helper()
				for _, pid := range s.workers() {
					for fd, to := range proctest.Descriptors(pid) {
						if to == left.Name() {
							t.Errorf("process %d has descriptor %d of the master's parent", pid, fd)
						}
					}
				}
			}
			none()
			before := s.workers()
			s.reload()
			s.awaitReplaced(before...)
			none()
			// Nor does anything else that the master starts.
			for fd, to := range proctest.Descriptors(s.cmd.Process.Pid) {
				info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", s.cmd.Process.Pid, fd))
				if err != nil || fd < 3 {
					continue // it was closed meanwhile
				}
				if _, flags, _ := strings.Cut(string(info), "flags:\t"); !closedOnExec(flags) {
					t.Errorf("the master's descriptor %d, %s, is passed on", fd, to)
				}
			}
			s.stop()
		})
	}
}

// closedOnExec reports whether flags as in /proc/PID/fdinfo, which are octal, have FD_CLOEXEC.
func closedOnExec(flags string) bool {
	var bits int
	_, err := fmt.Sscanf(flags, "%o", &bits)
	return err == nil && bits&syscall.O_CLOEXEC != 0
}
