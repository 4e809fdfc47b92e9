package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// testServer is a multiproc that a test started, as a process of its own.
type testServer struct {
	tb      testing.TB
	dir     string // its own; also its working directory
	ini     string // path
	cmd     *exec.Cmd
	log     *proctest.Log
	stderr  io.Closer     // where the log is read from
	done    chan struct{} // closed when it has exited
	err     error         // of its exit; after done
	address string        // of its first listener
}

// serverOptions has everything about a server's start but its ini.
type serverOptions struct {
	program string     // instead of multiproc in PATH
	dir     string     // instead of a new one
	env     []string   // more variables
	wrap    []string   // a command that runs it, such as unshare
	args    []string   // more arguments
	address string     // of its first listener, if its log does not say it
	stderr  *os.File   // nil: the log of the test's server
	files   []*os.File // descriptors from 3 on
	failing bool       // it is not expected to serve
}

// startServer starts a server with this ini, a control socket and a metrics directory of its own, and waits until enough
// workers are ready. At the end of the test it must stop cleanly.
func startServer(tb testing.TB, ini string, options ...func(*serverOptions)) *testServer {
	tb.Helper()
	var o serverOptions
	for _, option := range options {
		option(&o)
	}
	s := &testServer{tb: tb, dir: o.dir, log: new(proctest.Log), done: make(chan struct{})}
	if s.dir == "" {
		s.dir = tb.TempDir()
	}
	s.ini = filepath.Join(s.dir, "multiproc.ini")
	s.writeINI(ini)
	program := o.program
	if program == "" {
		program = lookPath(tb, "multiproc")
	}
	args := append(append(o.wrap, program, "--ini", s.ini), o.args...)
	s.cmd = exec.Command(args[0], args[1:]...) //nolint:noctx // stopped at the end of the test
	s.cmd.Dir = s.dir
	s.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), o.env...)
	stderr, err := s.cmd.StderrPipe()
	check(tb, err)
	s.cmd.Stdout, s.stderr = io.Discard, stderr
	s.cmd.ExtraFiles = o.files
	if o.stderr != nil {
		s.cmd.Stderr = o.stderr
	}
	check(tb, s.cmd.Start())
	tb.Cleanup(s.cleanup)
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(s.log, stderr)
	}()
	go func() {
		defer close(s.done)
		// Only after the pipe has been read, which Wait closes. Workers that outlive the master hold it, too.
		<-read
		s.err = s.cmd.Wait()
	}()
	if o.failing {
		return s
	}
	if s.address = o.address; s.address == "" {
		s.awaitAddress("new generation", "listening=")
	}
	s.await("enough workers ready", func(status master.Status) bool { return status.Ready() >= status.Target })
	return s
}

// awaitAddress waits for a line that has this text and the address that the server listens on, after a key.
func (s *testServer) awaitAddress(text, key string) {
	s.tb.Helper()
	_, s.address, _ = strings.Cut(s.log.Wait(s.tb, s.done, text, key), key)
	s.address, _, _ = strings.Cut(s.address, " ")
}

// writeINI replaces the ini and adds what every server of a test needs.
func (s *testServer) writeINI(ini string) {
	s.tb.Helper()
	if !strings.Contains(ini, "[") {
		ini = "[multiproc]\n" + ini
	}
	ini += "\ncontrol = " + s.control() + "\n"
	if !strings.Contains(ini, "PROMETHEUS_MULTIPROC_DIR") {
		ini += "metrics-dir = " + s.metricsDir() + "\n"
	}
	temporary := s.ini + ".new"
	check(s.tb, os.WriteFile(temporary, []byte(ini), 0o600))
	check(s.tb, os.Rename(temporary, s.ini))
}

func (s *testServer) control() string { return filepath.Join(s.dir, "control.sock") }

func (s *testServer) metricsDir() string { return filepath.Join(s.dir, "metrics") }

func (s *testServer) url(path string) string { return "http://" + s.address + path }

// status requests the master's status.
func (s *testServer) status() (master.Status, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), proctest.Patience)
	defer cancel()
	return master.NewClient(s.control()).Status(ctx)
}

// await polls the master's status until is returns true: there is no event that the outside could see.
func (s *testServer) await(what string, is func(master.Status) bool) master.Status {
	s.tb.Helper()
	deadline := time.Now().Add(proctest.Patience)
	var last master.Status
	var err error
	for time.Now().Before(deadline) {
		select {
		case <-s.done:
			s.tb.Fatalf("the server ended while a test waited for: %s\n%s", what, s.log)
		case <-time.After(5 * time.Millisecond):
		}
		if last, err = s.status(); err == nil && is(last) {
			return last
		}
	}
	s.tb.Fatalf("%s: not within %s: %+v %v\n%s", what, proctest.Patience, last, err, s.log)
	return last
}

// mustHavePidfile checks that a file has the master's pid.
func (s *testServer) mustHavePidfile(path string) {
	s.tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(text)) != strconv.Itoa(s.cmd.Process.Pid) {
		s.tb.Errorf("pidfile: %q, %v, want %d", text, err, s.cmd.Process.Pid)
	}
}

// signal sends the master a signal.
func (s *testServer) signal(signal syscall.Signal) {
	s.tb.Helper()
	check(s.tb, s.cmd.Process.Signal(signal))
}

// exitCode waits for the exit of the master and of every process that holds its log.
func (s *testServer) exitCode() exitCode {
	s.tb.Helper()
	select {
	case <-s.done:
	case <-time.After(2 * proctest.Patience):
		s.tb.Fatalf("the server did not end\n%s", s.log)
	}
	return exitCode(s.cmd.ProcessState.ExitCode())
}

// mustExit waits for the exit.
func (s *testServer) mustExit(want exitCode) {
	s.tb.Helper()
	if code := s.exitCode(); code != want {
		s.tb.Errorf("exit code %d, want %d\n%s", code, want, s.log)
	}
}

// stop stops it by TERM.
func (s *testServer) stop() {
	s.tb.Helper()
	s.signal(syscall.SIGTERM)
	if code := s.exitCode(); code != 0 {
		s.tb.Errorf("exit code %d after TERM\n%s", code, s.log)
	}
}

// cleanup ends it, also when the test has failed.
func (s *testServer) cleanup() {
	select {
	case <-s.done:
		return
	default:
	}
	_ = s.cmd.Process.Signal(syscall.SIGCONT)
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	select {
	case <-s.done:
	case <-time.After(proctest.Patience):
		s.tb.Errorf("the server did not end after INT\n%s", s.log)
		_ = s.cmd.Process.Kill()
	}
	if s.tb.Failed() {
		s.tb.Logf("log of the server:\n%s", s.log)
	}
}

// run runs multiproc to its end.
func (s *testServer) run(args ...string) (stdout, stderr string, code exitCode) {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.tb.Context()), 2*proctest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, lookPath(s.tb, "multiproc"), args...)
	cmd.Dir = s.dir
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.tb.Fatal(err)
	}
	return out.String(), errs.String(), exitCode(cmd.ProcessState.ExitCode())
}

// reload runs multiproc reload, which must succeed.
func (s *testServer) reload() {
	s.tb.Helper()
	if stdout, stderr, code := s.run("reload", "--ini", s.ini); code != 0 {
		s.tb.Fatalf("reload: exit code %d: %s%s\n%s", code, stdout, stderr, s.log)
	}
}

// check ends the test on an error.
func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// hasAll reports whether a line has all these parts.
func hasAll(line string, parts []string) bool {
	for _, part := range parts {
		if !strings.Contains(line, part) {
			return false
		}
	}
	return true
}

// freeAddress returns an address that nothing listens on at the moment. The kernel gives such a port neither to clients nor for
// port 0, so it is still free when a server of the test is started there again.
func freeAddress(tb testing.TB) string {
	tb.Helper()
	const first, n = 15_000, 15_000 // below ip_local_port_range
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(n))
		if l, err := new(net.ListenConfig).Listen(tb.Context(), "tcp", address); err == nil {
			check(tb, l.Close())
			return address
		}
	}
	tb.Fatal("no free port")
	return ""
}

func in(dir string) func(*serverOptions) { return func(o *serverOptions) { o.dir = dir } }

// at starts a server whose log does not say its address, since it is a file.
func at(address string) func(*serverOptions) {
	return func(o *serverOptions) { o.address = address }
}

func wrapped(command ...string) func(*serverOptions) {
	return func(o *serverOptions) { o.wrap = command }
}

func withEnv(env ...string) func(*serverOptions) {
	return func(o *serverOptions) { o.env = append(o.env, env...) }
}

func withProgram(path string) func(*serverOptions) {
	return func(o *serverOptions) { o.program = path }
}

func failing(o *serverOptions) { o.failing = true }

// appINI returns the part of an ini that has the application of the tests as the worker; see testApp.
func appINI(tb testing.TB) string {
	tb.Helper()
	return "command = " + lookPath(tb, "testapp") + "\n"
}
