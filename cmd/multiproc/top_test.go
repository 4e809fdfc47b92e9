package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	metricspage "multiproc/cmd/internal/page"
	"multiproc/internal/proctest"
	"multiproc/master"
)

// emulator is a terminal emulator, tmux, with a shell in it.
type emulator struct {
	tb     testing.TB
	socket string
}

// startEmulator starts a shell in a terminal of this size.
func startEmulator(t *testing.T, width, height int) *emulator {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		proctest.Missing(t, "there is no tmux")
	}
	e := &emulator{t, filepath.Join(t.TempDir(), "tmux.sock")}
	e.tmux("new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "env -i TERM=$TERM PATH=$PATH PS1='$ ' sh")
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("on the screen:\n%s", e.screen())
		}
		_ = exec.Command("tmux", "-S", e.socket, "kill-server").Run() //nolint:noctx // it does not wait for anything
	})
	return e
}

func (e *emulator) tmux(args ...string) string {
	e.tb.Helper()
	//nolint:noctx // used in a cleanup, too
	out, err := exec.Command("tmux", append([]string{"-f", "/dev/null", "-S", e.socket}, args...)...).CombinedOutput()
	if err != nil {
		e.tb.Fatalf("tmux %s: %v: %s", args, err, out)
	}
	return string(out)
}

func (e *emulator) screen() string { return e.tmux("capture-pane", "-p") }

func (e *emulator) keys(keys ...string) { e.tmux(append([]string{"send-keys"}, keys...)...) }

// line types a line.
func (e *emulator) line(text string) { e.keys(text, "Enter") }

// await waits until the screen is as a test wants it. There is no event for that.
func (e *emulator) await(what string, is func(screen string) bool) string {
	e.tb.Helper()
	var screen string
	waitFor(e.tb, proctest.Patience, what, func() bool {
		screen = e.screen()
		return is(screen)
	})
	return screen
}

func (e *emulator) awaitText(text string) string {
	e.tb.Helper()
	return e.await(text, func(screen string) bool { return strings.Contains(screen, text) })
}

// rows are the lines of top's table.
func rows(screen string) map[string][]string {
	found := map[string][]string{}
	for line := range strings.Lines(screen) {
		if fields := strings.Fields(line); len(fields) > 10 && strings.HasPrefix(fields[0], "w") {
			found[fields[0]] = fields
		}
	}
	return found
}

// TestTop drives top in a terminal emulator: it shows the workers of a server under load, follows a change of the terminal's
// size and a worker's death, sorts and filters, and leaves the terminal as it was.
func TestTop(t *testing.T) {
	t.Parallel()
	e := startEmulator(t, 140, 40)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 4\ndisable-logging = true\n")
	startLoad(t, allKinds("tcp", s.address, "/", "/"))

	e.line("stty -a > " + s.dir + "/before; " + multiprocPath(t) + " metrics top --interval 200ms --ini " + s.ini + "; echo ended with $?")
	screen := e.await("four workers at work", func(screen string) bool {
		found := rows(screen)
		return len(found) == 4 && strings.Contains(screen, "4 of 4 workers ready") && strings.Contains(screen, "http_requests_total{")
	})
	for i, pid := range s.workers() {
		row := rows(screen)[fmt.Sprintf("w%d", i+1)]
		if row[1] != fmt.Sprint(pid) || row[2] != "ready" || row[3] != "1" {
			t.Errorf("worker %d: %v", pid, row)
		}
	}
	if e.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}") != "1 0\n" {
		t.Error("not a screen of its own, without a cursor")
	}

	e.tmux("resize-window", "-x", "100", "-y", "20")
	e.await("a smaller screen", func(screen string) bool {
		lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
		return len(lines) == 20 && strings.HasPrefix(lines[19], "q quit") && len(rows(screen)) == 4
	})
	e.tmux("resize-window", "-x", "150", "-y", "50")
	e.await("a larger screen", func(screen string) bool {
		lines := strings.Split(strings.TrimRight(screen, "\n"), "\n")
		return len(lines) == 50 && strings.HasPrefix(lines[49], "q quit")
	})

	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	e.await("the killed worker's successor", func(screen string) bool {
		row := rows(screen)["w1"]
		return row != nil && row[1] != fmt.Sprint(victim) && strings.Contains(screen, "crash, was killed by signal 9")
	})

	e.keys("/", "w", "2", "Enter")
	e.await("only w2", func(screen string) bool { return len(rows(screen)) == 1 && rows(screen)["w2"] != nil })
	e.keys("Escape")
	e.await("all again", func(screen string) bool { return len(rows(screen)) == 4 })
	e.keys("r")
	e.await("the other way round", func(screen string) bool {
		return strings.Contains(screen, "WORKER▴") && strings.Index(screen, "\nw4 ") < strings.Index(screen, "\nw1 ")
	})
	e.keys(">")
	e.awaitText("PID▴")

	e.keys("q")
	e.awaitText("ended with 0")
	e.line("stty -a > " + s.dir + "/after; echo done")
	e.awaitText("\ndone")
	if e.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}") != "0 1\n" {
		t.Error("the terminal is left with top's screen, or without a cursor")
	}
	before, after := settingsOf(t, s.dir+"/before"), settingsOf(t, s.dir+"/after")
	if before != after {
		t.Errorf("the terminal was\n%s\nand is\n%s", before, after)
	}
}

// settingsOf are a terminal's settings as stty -a has printed them, without its size, which the test has changed.
func settingsOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	first, rest, ok := strings.Cut(string(text), "\n")
	if !ok || !strings.Contains(first, "rows") {
		t.Fatalf("not from stty: %s", text)
	}
	return rest
}

// TestTopIsEnded ends it by a signal: the terminal is given back all the same.
func TestTopIsEnded(t *testing.T) {
	t.Parallel()
	e := startEmulator(t, 100, 30)
	dir := t.TempDir()
	e.line("sh -c 'echo $$ > " + dir + "/pid; exec " + multiprocPath(t) + " metrics top --dir " + dir + "'; echo ended with $?")
	e.awaitText("q quit")
	proctest.Kill(t, pidIn(t, dir+"/pid"), syscall.SIGTERM)
	e.awaitText("ended with 0")
}

// TestScreenUnderKeys holds a key down, as it were, and then ends the command by a signal: whatever waits to be read, the
// terminal is given back.
func TestScreenUnderKeys(t *testing.T) {
	proctest.Long(t) // it makes hundreds of files, and types thousands of keys
	t.Parallel()
	dir := t.TempDir()
	makeLargeDirectory(t, dir, 500, 10) // that takes time to draw
	for _, command := range []string{"top", "watch"} {
		e := startEmulator(t, 100, 30)
		e.line("sh -c 'echo $$ > " + dir + "/pid; exec " + multiprocPath(t) + " metrics " + command + " --dir " + dir + "'; echo ended with $?")
		e.awaitText("q quit")
		for range 10 {
			e.keys("-l", strings.Repeat("r", 300))
		}
		proctest.Kill(t, pidIn(t, dir+"/pid"), syscall.SIGTERM)
		e.awaitText("ended with 0")
		if e.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}") != "0 1\n" {
			t.Errorf("%s leaves the terminal with its screen, or without a cursor", command)
		}
	}
}

// TestScreenIsSuspended stops the command by Ctrl-Z and by a signal, as a shell's jobs are, and lets it go on.
func TestScreenIsSuspended(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, command := range []string{"top", "watch"} {
		e := startEmulator(t, 100, 30)
		e.line("sh -c 'echo $$ > " + dir + "/pid; exec " + multiprocPath(t) + " metrics " + command + " --dir " + dir + "'")
		e.awaitText("q quit")
		pid := pidIn(t, dir+"/pid")
		for _, suspend := range []func(){func() { e.keys("C-z") }, func() { proctest.Kill(t, pid, syscall.SIGTSTP) }} {
			suspend()
			e.await("the shell's screen", func(string) bool {
				return e.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}") == "0 1\n"
			})
			proctest.Eventually(t, "the process to be stopped", func() bool { return proctest.State(pid) == "T" })
			e.line("fg")
			e.awaitText("q quit")
			proctest.Eventually(t, "the process to go on", func() bool { return proctest.State(pid) != "T" })
		}
		e.keys("q")
		proctest.AwaitGone(t, pid)
	}
}

// TestTerminalIsGone takes the terminal away from commands that no signal tells of it: they end.
func TestTerminalIsGone(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"top", "watch"} {
		keys, line := openTerminal(t)
		dir := t.TempDir()
		// It leads the session, and whoever it has in the foreground hears nothing of the end.
		leader := commandIn(t, dir, "sh", "-c", `trap "" HUP; set -m; `+multiprocPath(t)+" metrics "+command+" --dir "+dir+"; :")
		leader.Stdin, leader.Stdout, leader.Stderr = line, line, line
		leader.Env = append(os.Environ(), "TERM=xterm")
		leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		if err := leader.Start(); err != nil {
			t.Fatal(err)
		}
		_ = line.Close()
		at := &terminal{tb: t, keys: keys}
		go at.read()
		proctest.Eventually(t, "a screen", func() bool {
			return strings.Contains(at.output(), "q quit")
		})
		pids := proctest.Children(leader.Process.Pid)
		_ = keys.Close()
		proctest.AwaitGone(t, pids...)
		_ = leader.Wait() // as it likes
	}
}

func pidIn(t *testing.T, path string) (pid int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		t.Fatal(err)
	}
	return pid
}

// TestWatchOnTerminal shows what changes on a screen.
func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	e := startEmulator(t, 120, 30)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndisable-logging = true\n")
	startLoad(t, allKinds("tcp", s.address, "/", "/"))
	e.line(multiprocPath(t) + " metrics watch --interval 200ms --ini " + s.ini + " requests_total; echo ended with $?")
	e.await("requests that are counted", func(screen string) bool {
		return strings.Contains(screen, "PER SECOND") && strings.Contains(screen, `http_requests_total{code="200"`)
	})
	proctest.Kill(t, s.workers()[0], syscall.SIGKILL)
	e.awaitText("file gauge_livesum_w1.db is gone")
	e.keys("q")
	e.awaitText("ended with 0")
}

// TestTopOfStoppedServer looks at a server of which every process is stopped: nothing could answer.
func TestTopOfStoppedServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	s.get("/")
	all := append(s.workers(), s.cmd.Process.Pid)
	for _, pid := range all {
		proctest.Kill(t, pid, syscall.SIGSTOP)
	}
	defer func() {
		for _, pid := range all {
			proctest.Kill(t, pid, syscall.SIGCONT)
		}
	}()
	began := time.Now()
	stdout, stderr, code := s.run("metrics", "top", "--json", "--interval", "100ms", "--ini", s.ini)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	t.Logf("after %s", time.Since(began))
	var v struct {
		Running bool
		Master  struct {
			PID   int
			State string
		}
		Workers []struct {
			ID, State string
			PID       int
			Resident  float64 `json:"resident_bytes"`
			Requests  float64 `json:"requests_per_second"`
		}
	}
	if err := json.Unmarshal([]byte(stdout), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Running || v.Master.PID != s.cmd.Process.Pid || v.Master.State != "stopped" || len(v.Workers) != 2 {
		t.Errorf("%+v", v)
	}
	for i, w := range v.Workers {
		if w.ID != fmt.Sprintf("w%d", i+1) || w.State != "stopped" || w.PID != all[i] || w.Resident < 1<<20 {
			t.Errorf("%+v", w)
		}
	}
	for _, args := range [][]string{{"ls"}, {"show", "--sample", "http_requests_total"}, {"dump"}, {"watch", "--count", "2"}} {
		if _, stderr, code := s.run(append([]string{"metrics", args[0], "--ini", s.ini}, args[1:]...)...); code != 0 {
			t.Errorf("%s of a stopped server: %s", args[0], stderr)
		}
	}
}

// TestStatusFile finds in the metrics directory what status says, also after the master was killed.
func TestStatusFile(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\n")
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	waitFor(t, proctest.Patience, "the worker's restart in the status file", func() bool {
		n := metricspage.ReadStatusFile(s.metricsDir())
		return n != nil && n.Status.Ready() == 2 && n.Status.PID == s.cmd.Process.Pid && restarts(n.Status) == 1
	})
	proctest.Kill(t, s.cmd.Process.Pid, syscall.SIGKILL)
	s.exitCode()
	stdout, stderr, code := s.run("metrics", "top", "--once", "--ini", s.ini)
	if code != 0 || !strings.Contains(stdout, "nothing runs here") || !strings.Contains(stdout, "crash, was killed by signal 9") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
}

func restarts(s master.Status) int {
	n := 0
	for _, w := range s.Workers {
		n += w.Restarts
	}
	return n
}
