package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/store"
)

// terminal is a pseudo-terminal with a program at it, whose stdin and stderr it is.
type terminal struct {
	tb      testing.TB
	keys    *os.File // the side of whoever types and looks
	line    *os.File // the side of the program
	cmd     *exec.Cmd
	done    chan struct{} // closed when the program has ended
	mu      sync.Mutex
	screen  string
	changed chan struct{} // closed when there is more on the screen, and replaced
}

// openTerminal opens a pseudo-terminal: the side of whoever types and looks, and the side of the program.
func openTerminal(t *testing.T) (keys, line *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		proctest.Missing(t, "there are no pseudo-terminals: "+err.Error())
	}
	t.Cleanup(func() { _ = keys.Close() })
	raw, err := keys.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = line.Close() })
	return keys, line
}

func startAtTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	keys, line := openTerminal(t)
	cmd := commandIn(t, dir, append([]string{multiprocPath(t)}, args...)...)
	cmd.Stdin, cmd.Stderr = line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &terminal{tb: t, keys: keys, line: line, cmd: cmd, done: make(chan struct{}), changed: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = cmd.Wait()
	}()
	go s.show()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
	})
	return s
}

// show reads what comes to the screen until the terminal is closed.
func (s *terminal) show() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.keys.Read(buffer)
		s.mu.Lock()
		s.screen += string(buffer[:n])
		close(s.changed)
		s.changed = make(chan struct{})
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// look gives what is on the screen, and what is closed when there is more.
func (s *terminal) look() (screen string, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen, s.changed
}

// wait waits until the screen ends with this.
func (s *terminal) wait(text string) {
	s.tb.Helper()
	deadline := time.After(proctest.Patience)
	for {
		screen, changed := s.look()
		if strings.HasSuffix(screen, text) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			s.tb.Fatalf("no %q at the end of the screen:\n%s", text, screen)
		}
	}
}

func (s *terminal) press(keys string) {
	s.tb.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.tb.Fatal(err)
	}
}

// awaitEcho waits until the terminal shows what is typed, or no longer does.
func (s *terminal) awaitEcho(on bool) {
	s.tb.Helper()
	proctest.Eventually(s.tb, fmt.Sprintf("echo is %t", on), func() bool {
		state, err := unix.IoctlGetTermios(int(s.line.Fd()), unix.TCGETS)
		return err == nil && state.Lflag&unix.ECHO != 0 == on
	})
}

func (s *terminal) exitCode() exitCode {
	s.tb.Helper()
	select {
	case <-s.done:
	case <-time.After(proctest.Patience):
		screen, _ := s.look()
		s.tb.Fatalf("the command did not end:\n%s", screen)
	}
	return exitCode(s.cmd.ProcessState.ExitCode())
}

// newDatabase is a directory with app.db, migrated.
func newDatabase(tb testing.TB) (dir, path string) {
	tb.Helper()
	dir = tb.TempDir()
	path = filepath.Join(dir, "app.db")
	if _, _, err := store.Migrate(tb.Context(), path, store.Options{}); err != nil {
		tb.Fatal(err)
	}
	return dir, path
}

func openDatabase(tb testing.TB, path string) *store.Store {
	tb.Helper()
	s, err := store.Open(tb.Context(), path, store.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// TestPasswordIsNotShown types a password at a terminal: it is taken, and nobody who looks over the shoulder sees it.
func TestPasswordIsNotShown(t *testing.T) {
	dir, path := newDatabase(t)
	s := startAtTerminal(t, dir, "createsuperuser", "--database", path)
	s.wait("]: ")
	s.press("ann\n")
	for _, question := range []string{"Password: ", "Password (again): "} {
		s.wait(question)
		s.awaitEcho(false)
		s.press("correct horse\n")
	}
	if code := s.exitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s.awaitEcho(true)
	s.press("shown\n") // it comes after all else
	s.wait("shown\r\n")
	if screen, _ := s.look(); !strings.Contains(screen, "ann") || strings.Contains(screen, "horse") {
		t.Errorf("the screen:\n%s", screen)
	}
	session, _, err := openDatabase(t, path).Login(t.Context(), store.Credentials{Name: "ann", Password: "correct horse"}, "")
	if err != nil || session.User.Role != store.RoleSuperuser {
		t.Errorf("%+v, %v", session.User, err)
	}
}

// TestInterruptedPassword leaves the terminal as it was, however the question ends.
func TestInterruptedPassword(t *testing.T) {
	t.Parallel()
	dir, path := newDatabase(t)
	for _, end := range []struct {
		name string
		by   func(*terminal)
	}{
		{"Ctrl-C", func(s *terminal) { s.press("\x03") }},
		{"Ctrl-\\", func(s *terminal) { s.press("\x1c") }},
		{"Ctrl-D", func(s *terminal) { s.press("\x04") }},
		{"TERM", func(s *terminal) { proctest.Kill(s.tb, s.cmd.Process.Pid, syscall.SIGTERM) }},
	} {
		t.Run(end.name, func(t *testing.T) {
			s := startAtTerminal(t, dir, "createsuperuser", "--database", path, "--username", "ann")
			s.wait("Password: ")
			s.awaitEcho(false)
			end.by(s)
			if code := s.exitCode(); code != exitFailed {
				t.Errorf("exit code %d", code)
			}
			s.awaitEcho(true)
		})
	}
	db := openDatabase(t, path)
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.UserByName("ann")
		return err
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the user was made all the same: %v", err)
	}
}
