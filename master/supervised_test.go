package master

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/listen"
	"multiproc/internal/proctest"
	"multiproc/worker/handoff"
)

// journalVariable contains the path to which all processes write reports: the standard output of the master.
const journalVariable = "MASTER_TEST_JOURNAL"

func journal(format string, args ...any) error {
	file, err := os.OpenFile(os.Getenv(journalVariable), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(file, format+"\n", args...)
	return errors.Join(err, file.Close())
}

// masterChild is a master with one worker in a directory, where the file settings determines what the prestart command does. The line
// "late" on its standard input ends the time of the running command; the end of the input stops it.
func masterChild(args []string) error {
	dir, program := args[0], args[1]
	if err := os.Setenv(journalVariable, fmt.Sprintf("/proc/%d/fd/1", os.Getpid())); err != nil {
		return err
	}
	control, err := new(net.ListenConfig).Listen(context.Background(), "unix", filepath.Join(dir, "control"))
	if err != nil {
		return err
	}
	env := append(os.Environ(), proctest.RoleEnv("generation")...)
	read := func(settings []byte) (Plan, error) {
		plan := Plan{
			Limits: Limits{
				Workers: 1, Notifies: true, StartTimeout: time.Minute, ReloadMercy: 40 * time.Second, StopMercy: 25 * time.Second,
			},
			Args:     []string{"test", "worker"},
			Env:      env,
			Dir:      dir,
			Settings: settings,
			Prestart: []string{"test", "prestart"},
		}
		switch string(settings) {
		case "no worker":
			plan.Prestart = nil
			plan.Dir = filepath.Join(dir, "nowhere")
		case "no prestart":
			plan.Dir = filepath.Join(dir, "nowhere")
		}
		return plan, nil
	}
	settings, err := os.ReadFile(filepath.Join(dir, "settings"))
	if err != nil {
		return err
	}
	plan, err := read(settings)
	if err != nil {
		return err
	}
	m, err := New(Config{
		Plan: plan, Program: program, Sockets: listen.NewSockets(nil), Control: control,
		Check: []string{"test", "check"}, CheckEnv: env, CheckDir: dir, Read: read,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			m.send(func(m *Master) {
				fmt.Println(time.Until(m.once.Deadline).Round(time.Minute), "left")
				m.once.Deadline = time.Now()
			})
		}
	}()
	fmt.Printf("ended: %v\n", m.Run(ctx, Hooks{}))
	return nil
}

// generationChild is the program of a generation: check, prestart command or worker.
func generationChild(args []string) error {
	switch args[0] {
	case "check":
		settings, err := os.ReadFile("settings")
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(settings)
		return err
	case "prestart":
		return prestartChild()
	case "linger":
		return awaitGate()
	}
	if err := handoff.AdoptEnviron(); err != nil {
		return err
	}
	in, err := handoff.Inherit()
	if err != nil {
		return err
	}
	if err := journal("worker of generation %d", in.Identity.Generation); err != nil {
		return err
	}
	if err := handoff.NotifierFromEnviron().Send(handoff.Notice{Ready: true, Status: "busy\x1b]0;gone\a"}); err != nil {
		return err
	}
	for err == nil {
		_, err = in.Lifeline.Next()
	}
	return nil
}

// prestartChild does what the settings say.
func prestartChild() error {
	settings, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if err := journal("prestart: %s", settings); err != nil {
		return err
	}
	fmt.Println("this is stdout")
	fmt.Fprintln(os.Stderr, "this is stderr")
	switch string(settings) {
	case "fails":
		return errors.New("test: error: no such table")
	case "waits":
		if err := journal("%d", os.Getpid()); err != nil {
			return err
		}
		if err := awaitGate(); err != nil {
			return err
		}
		return journal("prestart has waited")
	case "leaves":
		exe, err := os.Executable()
		if err != nil {
			return err
		}
		left := exec.Command(exe, "linger") //nolint:noctx // it outlives this process
		left.Env = append(os.Environ(), proctest.RoleEnv("generation")...)
		left.Stdout, left.Stderr = os.Stdout, os.Stderr
		return left.Start()
	case "environ":
		dir, err := os.Getwd()
		if err != nil {
			return err
		}
		said := slices.DeleteFunc(os.Environ(), func(variable string) bool {
			return strings.HasPrefix(variable, "MULTIPROC_TEST_") || strings.HasPrefix(variable, "MULTIPROC_CI_") || !slices.ContainsFunc([]string{"LISTEN_", "NOTIFY_", "WATCHDOG_", "MULTIPROC_"}, func(prefix string) bool {
				return strings.HasPrefix(variable, prefix)
			})
		})
		return journal("%s %t %q", dir, syscall.Getpgrp() == os.Getpid(), said)
	}
	return nil
}

// awaitGate waits until the test closes the gate.
func awaitGate() error {
	gate, err := os.OpenFile("gate", os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer gate.Close()
	_, err = io.Copy(io.Discard, gate)
	return err
}

// supervised is a masterChild.
type supervised struct {
	*proctest.Child
	*testing.T
	dir  string
	gate *os.File // processes in awaitGate wait for its end
}

// supervise starts a master with these settings.
func supervise(t *testing.T, does string, change ...func(*exec.Cmd)) *supervised {
	t.Helper()
	exe, err := os.Executable()
	check(t, err)
	s := &supervised{T: t, dir: t.TempDir()}
	s.dir, err = filepath.EvalSymlinks(s.dir)
	check(t, err)
	check(t, syscall.Mkfifo(filepath.Join(s.dir, "gate"), 0o600))
	s.gate, err = os.OpenFile(filepath.Join(s.dir, "gate"), os.O_RDWR, 0)
	check(t, err)
	t.Cleanup(func() { _ = s.gate.Close() }) // a test may have closed it
	s.set(does)
	s.Child = proctest.StartWith(t, func(cmd *exec.Cmd) {
		for _, f := range change {
			f(cmd)
		}
	}, "master", s.dir, exe)
	return s
}

// serving starts a master whose prestart command does nothing, and waits for its worker.
func serving(t *testing.T) *supervised {
	t.Helper()
	s := supervise(t, "")
	s.wantReports("prestart: ", "worker of generation 1")
	return s
}

func (s *supervised) set(does string) {
	s.Helper()
	check(s.T, os.WriteFile(filepath.Join(s.dir, "settings"), []byte(does), 0o600))
}

// wantReports compares the next reports.
func (s *supervised) wantReports(want ...string) {
	s.Helper()
	for _, line := range want {
		if got := s.Line(); got != line {
			s.Fatalf("report %q, want %q", got, line)
		}
	}
}

// waits reads the reports of a prestart command that waits.
func (s *supervised) waits() (pid int) {
	s.Helper()
	s.wantReports("prestart: waits")
	_, err := fmt.Sscan(s.Line(), &pid)
	check(s.T, err)
	return pid
}

func (s *supervised) client() *Client { return NewClient(filepath.Join(s.dir, "control")) }

func (s *supervised) status() Status {
	s.Helper()
	status, err := s.client().Status(s.Context())
	check(s.T, err)
	return status
}

// reload changes the settings and begins a reload.
func (s *supervised) reload(does string) <-chan Outcome {
	s.Helper()
	s.set(does)
	outcome := make(chan Outcome, 1)
	go func() {
		o, err := s.client().Reload(s.Context())
		if err != nil {
			o.Error = err.Error()
		}
		outcome <- o
	}()
	return outcome
}

// ends waits for the exit of the master.
func (s *supervised) ends(want string) {
	s.Helper()
	s.wantReports(want)
	s.Stop()
}

// quit stops the master.
func (s *supervised) quit() {
	s.Helper()
	if rest := s.Stop(); !slices.Equal(rest, []string{"ended: <nil>"}) {
		s.Errorf("reports at the end: %q", rest)
	}
}

func (s *supervised) mustBeGone(pid int) {
	s.Helper()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		s.Errorf("process %d has outlived its master: %v", pid, err)
	}
}
