package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// nobody is the user that the servers of these tests run as.
const nobody = 65534

// startDropping starts a server as root that runs as nobody, in a directory that nobody cannot enter. Its pidfile and its
// unix socket are where only root can write. prepare fills the directory before the start.
func startDropping(t *testing.T, ini string, prepare ...func(dir string)) (s *testServer, roots string) {
	t.Helper()
	proctest.Root(t)
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	program := filepath.Join(dir, "multiproc")
	copyOf(t, lookPath(t, "multiproc"), program)
	metrics := filepath.Join(dir, "metrics")
	check(t, os.Mkdir(metrics, 0o700))
	check(t, os.Chown(metrics, nobody, nobody))
	roots = filepath.Join(dir, "roots")
	check(t, os.Mkdir(roots, 0o755))
	for _, prepare := range prepare {
		prepare(dir)
	}
	s = startServer(t, ini+"processes = 2\npidfile = "+filepath.Join(roots, "multiproc.pid")+
		"\nsocket = "+filepath.Join(roots, "http.sock")+"\nhealth = 127.0.0.1:0\nstats = "+filepath.Join(roots, "stats.sock")+"\n",
		withProgram(program), in(dir))
	check(t, os.Chmod(s.ini, 0o644))
	return s, roots
}

// rootsPort returns an address that only root can listen on, on most machines.
func rootsPort(t *testing.T) string {
	t.Helper()
	for port := 1023; port > 600; port-- {
		address := "127.0.0.1:" + strconv.Itoa(port)
		if l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
	proctest.Missing(t, "no port below 1024 is free")
	return ""
}

// TestPrivilegesAreGivenUp binds as root and runs as another user: every thread of every process does, without any group of
// root's, with everything open that only root could open, and all new files belong to that user.
func TestPrivilegesAreGivenUp(t *testing.T) {
	t.Parallel()
	proctest.Root(t)
	s, roots := startDropping(t, "socket = "+rootsPort(t)+"\nuid = nobody\n")
	mustRunAsNobody(t, append(s.workers(), s.cmd.Process.Pid)...)
	if n := s.log.Count("level=WARN") + s.log.Count("level=ERROR"); n > 0 {
		t.Errorf("something is not right:\n%s", s.log)
	}
	s.mustHavePidfile(filepath.Join(roots, "multiproc.pid"))
	code, body := s.get("/metrics")
	if code != http.StatusOK || !strings.Contains(body, `multiproc_workers{state="ready"} 2.0`) {
		t.Errorf("%d %s", code, body)
	}
	stats := filepath.Join(roots, "stats.sock")
	mustBeNobodys(t, s.metricsDir(), s.control(), stats)
	if p := readStats(t, "unix", stats); p.UID != nobody || p.GID != nobody || len(p.Workers) != 2 {
		t.Errorf("stats: %+v", p)
	}

	// The next generation is checked and started without the privileges.
	before := s.workers()
	s.reload()
	s.awaitReplaced(before...)
	mustRunAsNobody(t, s.workers()...)
	victim := pidsOf(s.awaitNoneDraining())[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	runIn(t, s.dir, "", "stop", "--ini", s.ini)
	s.mustExit(0)

	// What could not be removed blocks nothing.
	next := startServer(t, "socket = "+s.address+"\nuid = nobody\npidfile = "+filepath.Join(roots, "multiproc.pid")+
		"\nsocket = "+filepath.Join(roots, "http.sock")+"\n", func(o *serverOptions) { o.dir, o.program = s.dir, filepath.Join(s.dir, "multiproc") })
	next.stop()
}

// mustRunAsNobody checks every thread and every descriptor. A file that others may read does not count.
func mustRunAsNobody(tb testing.TB, pids ...int) {
	tb.Helper()
	for _, pid := range pids {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil || len(threads) == 0 {
			tb.Fatalf("no threads of %d, %v", pid, err)
		}
		for _, thread := range threads {
			text, err := os.ReadFile(thread)
			if err != nil {
				continue // it has exited
			}
			for line := range strings.Lines(string(text)) {
				fields := strings.Fields(line)
				switch fields[0] {
				case "Uid:", "Gid:", "Groups:":
					for _, id := range fields[1:] {
						if id != strconv.Itoa(nobody) {
							tb.Errorf("%s: %s", thread, line)
						}
					}
				case "CapEff:", "CapPrm:", "CapInh:", "CapAmb:":
					if strings.Trim(fields[1], "0") != "" {
						tb.Errorf("%s: %s", thread, line)
					}
				}
			}
		}
		descriptors, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(descriptors) == 0 {
			tb.Fatalf("no descriptors of %d, %v", pid, err)
		}
		for _, fd := range descriptors {
			info, err := os.Stat(fd)
			if err != nil {
				continue // it was closed meanwhile
			}
			stat := info.Sys().(*syscall.Stat_t)
			name, _ := os.Readlink(fd)
			kept := strings.HasPrefix(name, "/") && (info.Mode().IsRegular() || info.IsDir())
			if kept && stat.Uid == 0 && info.Mode().Perm()&0o004 == 0 {
				tb.Errorf("process %d holds %s: %s, which is root's", pid, name, info.Mode())
			}
		}
	}
}

// mustBeNobodys checks the owner of these paths and of everything below them.
func mustBeNobodys(tb testing.TB, paths ...string) {
	tb.Helper()
	for _, path := range paths {
		for name, is := range tree(tb, path) {
			if !strings.Contains(is, fmt.Sprintf("owner %d", nobody)) {
				tb.Errorf("%s: %s", name, is)
			}
		}
	}
}

// TestPrivilegesAndTheDefaultControl has no key control: the default control socket depends on the user, and a reload reads
// the ini as another user.
func TestPrivilegesAndTheDefaultControl(t *testing.T) {
	s, _ := startDropping(t, "socket = 127.0.0.1:0\nuid = nobody\n")
	s.stop()
	text, err := os.ReadFile(s.ini)
	check(t, err)
	// As it was, without the line that the harness adds.
	var kept []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "control = ") {
			kept = append(kept, line)
		}
	}
	ini := filepath.Join(s.dir, "without.ini")
	check(t, os.WriteFile(ini, []byte(strings.Join(kept, "")), 0o600))
	check(t, os.Chmod(ini, 0o644))
	settings, _, _ := s.run("check", "--ini", ini)
	control := ""
	for line := range strings.Lines(settings) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == "control" {
			control = fields[2]
		}
	}
	t.Cleanup(func() { _ = os.Remove(control) }) // which the server may not do
	again := startServer(t, "socket = 127.0.0.1:0\n", failing, func(o *serverOptions) {
		o.dir, o.program, o.args = s.dir, filepath.Join(s.dir, "multiproc"), nil
		o.wrap = []string{"/bin/sh", "-c", `exec "$0" --ini ` + ini}
	})
	again.log.Wait(t, again.done, "worker is ready", "worker=w2")
	runIn(t, again.dir, "", "reload", "--ini", ini)
	again.stop()
}

// TestUnreadableProgramShutsItsProcesses keeps the workers' memory, with what only root may read, from other processes of
// their user if that user may not read the program.
func TestUnreadableProgramShutsItsProcesses(t *testing.T) {
	t.Parallel()
	s, _ := startDropping(t, "socket = 127.0.0.1:0\nuid = nobody\n", func(dir string) {
		check(t, os.Chmod(filepath.Join(dir, "multiproc"), 0o711))
	})
	check := func() {
		t.Helper()
		for _, pid := range append(s.workers(), s.cmd.Process.Pid) {
			for _, name := range []string{"environ", "mem", "maps", "fd/0"} {
				path := fmt.Sprintf("/proc/%d/%s", pid, name)
				cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "exec <"+path)
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
				if out, err := cmd.CombinedOutput(); err == nil {
					t.Errorf("%s can be opened", path)
				} else if !strings.Contains(string(out), "ermission denied") {
					t.Errorf("%s: %v, %s", path, err, out)
				}
			}
		}
	}
	check()
	before := s.workers()
	s.reload()
	s.awaitReplaced(before...)
	check()
}

// TestNoRootPrivilegesRemain has workers that are another program, with a root-only file beside the ini, which they cannot read.
func TestNoRootPrivilegesRemain(t *testing.T) {
	t.Parallel()
	s, _ := startDropping(t, fmt.Sprintf("notify = false\ncommand = cat secret >read 2>denied; exec sleep 1000\nuid = %d\ngid = %[1]d\n", nobody), func(dir string) {
		check(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("root's\n"), 0o600))
		for _, name := range []string{"read", "denied"} {
			path := filepath.Join(dir, name)
			check(t, os.WriteFile(path, nil, 0o600))
			check(t, os.Chown(path, nobody, nobody))
		}
	})
	mustRunAsNobody(t, append(s.workers(), s.cmd.Process.Pid)...)
	before := s.workers()
	s.reload()
	s.awaitReplaced(before...)
	mustRunAsNobody(t, append(pidsOf(s.awaitNoneDraining()), s.cmd.Process.Pid)...)
	proctest.Eventually(t, "a worker that was denied the file", func() bool { return logHas(filepath.Join(s.dir, "denied"), "Permission denied") })
	if text, err := os.ReadFile(filepath.Join(s.dir, "read")); err != nil || len(text) > 0 {
		t.Errorf("a worker has read %q, %v", text, err)
	}
	s.stop()
}
