package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
)

// terminal is a pseudo-terminal that is the standard input and error of a program.
type terminal struct {
	tb   testing.TB
	keys *os.File // the side of the user
	line *os.File // the side of the program
	cmd  *exec.Cmd
	done chan struct{} // closed when the program has exited

	mu   sync.Mutex
	text string // everything that was written
}

// openTerminal opens both sides of a pseudo-terminal.
func openTerminal(t *testing.T) (keys, line *os.File) {
	t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		proctest.Missing(t, "there are no pseudo-terminals: "+err.Error())
	}
	t.Cleanup(func() { _ = keys.Close() })
	raw, err := keys.SyscallConn()
	check(t, err)
	var number int
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0)
		if failed == nil {
			number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	check(t, errors.Join(err, failed))
	line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { _ = line.Close() })
	return keys, line
}

func startAtTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	keys, line := openTerminal(t)
	cmd := commandIn(t, dir, append([]string{lookPath(t, "multiproc")}, args...)...)
	cmd.Stdin, cmd.Stderr = line, line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	check(t, cmd.Start())
	s := &terminal{tb: t, keys: keys, line: line, cmd: cmd, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		_ = cmd.Wait()
	}()
	go s.read()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.done
	})
	return s
}

// read reads the output until the terminal is closed.
func (s *terminal) read() {
	buffer := make([]byte, 4096)
	for {
		n, err := s.keys.Read(buffer)
		s.mu.Lock()
		s.text += string(buffer[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// output returns everything that was written to the terminal.
func (s *terminal) output() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text
}

// wait waits until the output ends with the text.
func (s *terminal) wait(text string) {
	s.tb.Helper()
	proctest.Eventually(s.tb, fmt.Sprintf("%q at the end of the output", text), func() bool { return strings.HasSuffix(s.output(), text) })
}

func (s *terminal) press(keys string) {
	s.tb.Helper()
	if _, err := s.keys.WriteString(keys); err != nil {
		s.tb.Fatal(err)
	}
}

// awaitEcho waits until the terminal echoes its input, or does not.
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
		s.tb.Fatalf("the command did not exit:\n%s", s.output())
	}
	return exitCode(s.cmd.ProcessState.ExitCode())
}
