package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"multiproc/internal/proctest"
)

// emulator is the terminal emulator tmux, which runs a shell.
type emulator struct {
	tb     testing.TB
	socket string
}

// startEmulator starts a shell in a terminal of this size.
func startEmulator(t *testing.T, width, height int) *emulator {
	t.Helper()
	proctest.Tool(t, "tmux", "")
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

// modes returns whether the alternate screen and the cursor are on, as in "1 0\n".
func (e *emulator) modes() string {
	return e.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}")
}

// startScreen starts a subcommand of metrics on a directory, waits for its screen and returns its pid. The terminal shows the exit
// code afterwards.
func (e *emulator) startScreen(command, dir string) (pid int) {
	e.tb.Helper()
	e.line("sh -c 'echo $$ > " + dir + "/pid; exec " + lookPath(e.tb, "multiproc") + " metrics " + command + " --dir " + dir + "'; echo ended with $?")
	e.awaitText("q quit")
	text, err := os.ReadFile(dir + "/pid")
	check(e.tb, err)
	if _, err := fmt.Sscan(string(text), &pid); err != nil {
		e.tb.Fatal(err)
	}
	return pid
}

func (e *emulator) screen() string { return e.tmux("capture-pane", "-p") }

func (e *emulator) keys(keys ...string) { e.tmux(append([]string{"send-keys"}, keys...)...) }

// line types a line.
func (e *emulator) line(text string) { e.keys(text, "Enter") }

// await polls until the condition holds for the screen.
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

// rows returns the fields of the lines of top's table by worker.
func rows(screen string) map[string][]string {
	found := map[string][]string{}
	for line := range strings.Lines(screen) {
		if fields := strings.Fields(line); len(fields) > 10 && strings.HasPrefix(fields[0], "w") {
			found[fields[0]] = fields
		}
	}
	return found
}

// TestTop drives top in a terminal emulator: it shows the workers of a server under load, follows a resize and the death of a
// worker, sorts and filters, and restores the terminal.
func TestTop(t *testing.T) {
	t.Parallel()
	e := startEmulator(t, 140, 40)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 4\ndisable-logging = true\n")
	startLoad(s, client{"tcp", s.address, "/", true})

	e.line("stty -a > " + s.dir + "/before; " + lookPath(t, "multiproc") + " metrics top --interval 200ms --ini " + s.ini + "; echo ended with $?")
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
	if modes := e.modes(); modes != "1 0\n" {
		t.Errorf("not the alternate screen without a cursor: %s", modes)
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
	if modes := e.modes(); modes != "0 1\n" {
		t.Errorf("top leaves its screen or no cursor: %s", modes)
	}
	e.line("TERM=dumb " + lookPath(t, "multiproc") + " metrics top --ini " + s.ini)
	e.awaitText("use top --once")
	before, after := settingsOf(t, s.dir+"/before"), settingsOf(t, s.dir+"/after")
	if before != after {
		t.Errorf("the terminal was\n%s\nand is\n%s", before, after)
	}
}

// settingsOf returns the settings that stty -a printed, without the size, which the test changes.
func settingsOf(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	first, rest, ok := strings.Cut(string(text), "\n")
	if !ok || !strings.Contains(first, "rows") {
		t.Fatalf("not from stty: %s", text)
	}
	return rest
}

// TestScreenUnderKeys holds a key down and then ends the command by a signal: the terminal is restored, whatever input waits.
func TestScreenUnderKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	makeLargeDirectory(t, dir, 500, 10) // which takes time to draw
	for _, command := range []string{"top", "watch"} {
		e := startEmulator(t, 100, 30)
		pid := e.startScreen(command, dir)
		for range proctest.Rounds(2, 10) {
			e.keys("-l", strings.Repeat("r", 300))
		}
		proctest.Kill(t, pid, syscall.SIGTERM)
		e.awaitText("ended with 0")
		if modes := e.modes(); modes != "0 1\n" {
			t.Errorf("%s leaves its screen or no cursor: %s", command, modes)
		}
	}
}

// TestScreenIsSuspended suspends the command by Ctrl-Z and by a signal, and resumes it.
func TestScreenIsSuspended(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, command := range []string{"top", "watch"} {
		e := startEmulator(t, 100, 30)
		pid := e.startScreen(command, dir)
		for _, suspend := range []func(){func() { e.keys("C-z") }, func() { proctest.Kill(t, pid, syscall.SIGTSTP) }} {
			suspend()
			e.await("the shell's screen", func(string) bool { return e.modes() == "0 1\n" })
			proctest.Eventually(t, "the process to be stopped", func() bool { return proctest.State(pid) == "T" })
			e.line("fg")
			e.awaitText("q quit")
			proctest.Eventually(t, "the process to be resumed", func() bool { return proctest.State(pid) != "T" })
		}
		e.keys("q")
		proctest.AwaitGone(t, pid)
	}
}

// TestTerminalIsGone closes the terminal of commands that get no signal about that: they exit.
func TestTerminalIsGone(t *testing.T) {
	t.Parallel()
	for _, command := range []string{"top", "watch"} {
		keys, line := openTerminal(t)
		dir := t.TempDir()
		// A session leader that survives SIGHUP keeps the kernel from sending it to the foreground job.
		leader := commandIn(t, dir, "sh", "-c", `trap "" HUP; set -m; `+lookPath(t, "multiproc")+" metrics "+command+" --dir "+dir+"; :")
		leader.Stdin, leader.Stdout, leader.Stderr = line, line, line
		leader.Env = append(os.Environ(), "TERM=xterm")
		leader.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		check(t, leader.Start())
		_ = line.Close()
		at := &terminal{tb: t, keys: keys}
		go at.read()
		proctest.Eventually(t, "a screen", func() bool {
			return strings.Contains(at.output(), "q quit")
		})
		pids := proctest.Children(leader.Process.Pid)
		_ = keys.Close()
		proctest.AwaitGone(t, pids...)
		_ = leader.Wait() // its exit status does not matter
	}
}

// TestWatchOnTerminal shows the samples that change, and files that disappear.
func TestWatchOnTerminal(t *testing.T) {
	t.Parallel()
	e := startEmulator(t, 120, 30)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndisable-logging = true\n")
	startLoad(s, client{"tcp", s.address, "/", true})
	e.line(lookPath(t, "multiproc") + " metrics watch --interval 200ms --ini " + s.ini + " requests_total; echo ended with $?")
	e.await("counted requests", func(screen string) bool {
		return strings.Contains(screen, "PER SECOND") && strings.Contains(screen, `http_requests_total{code="200"`)
	})
	proctest.Kill(t, s.workers()[0], syscall.SIGKILL)
	e.awaitText("file gauge_livesum_w1.db is gone")
	e.keys("q")
	e.awaitText("ended with 0")
}
