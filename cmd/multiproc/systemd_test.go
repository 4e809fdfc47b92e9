package main

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// activate does what systemd does for a socket-activated service, as the main function of a program:
//
//	activate NAME=IP:PORT|PATH... -- PROGRAM ARG...
//
// It binds the addresses, leaves the sockets blocking as systemd does, and becomes the program.
func activate() {
	err := becomeActivated(os.Args[1:])
	fmt.Fprintln(os.Stderr, "activate: error:", err)
	os.Exit(1) //nolint:forbidigo // it is a main function
}

func becomeActivated(args []string) error {
	var names []string
	var sockets []int
	for ; len(args) > 0 && args[0] != "--"; args = args[1:] {
		name, address, _ := strings.Cut(args[0], "=")
		fd, err := listenRaw(address)
		if err != nil {
			return err
		}
		// Out of the way of the descriptors that it is about to make.
		if fd, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 100); err != nil {
			return err
		}
		names, sockets = append(names, name), append(sockets, fd)
	}
	path, err := exec.LookPath(args[1])
	if err != nil {
		return err
	}
	for i, fd := range sockets {
		if err := unix.Dup3(fd, 3+i, 0); err != nil {
			return err
		}
		unix.CloseOnExec(fd)
	}
	env := append(os.Environ(), "LISTEN_PID="+strconv.Itoa(os.Getpid()), "LISTEN_FDS="+strconv.Itoa(len(sockets)),
		"LISTEN_FDNAMES="+strings.Join(names, ":"))
	return unix.Exec(path, args[1:], env)
}

// listenRaw returns a listening socket on IP:PORT or a path.
func listenRaw(address string) (int, error) {
	var family int
	var bind unix.Sockaddr
	if at, err := netip.ParseAddrPort(address); err != nil {
		family, bind = unix.AF_UNIX, &unix.SockaddrUnix{Name: address}
	} else if at.Addr().Is4() {
		family, bind = unix.AF_INET, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()}
	} else {
		family, bind = unix.AF_INET6, &unix.SockaddrInet6{Port: int(at.Port()), Addr: at.Addr().As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, bind); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 128)
}

// serviceManager stands in for systemd: a socket for notifications.
type serviceManager struct {
	tb   testing.TB
	conn *net.UnixConn
	path string
	got  []string // messages
}

func newServiceManager(tb testing.TB) *serviceManager {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "notify.sock")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(tb, err)
	tb.Cleanup(func() { _ = conn.Close() })
	return &serviceManager{tb: tb, conn: conn, path: path}
}

// wait reads until a message has this line, and returns that message.
func (m *serviceManager) wait(line string) string {
	m.tb.Helper()
	check(m.tb, m.conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	message := make([]byte, 4096)
	for {
		n, err := m.conn.Read(message)
		if err != nil {
			m.tb.Fatalf("no message with %s: %v; came: %q", line, err, m.got)
		}
		text := string(message[:n])
		m.got = append(m.got, text)
		if slices.Contains(strings.Split(text, "\n"), line) {
			return text
		}
	}
}

// TestNotifiesSystemd is Type=notify-reload with WatchdogSec=: systemd is notified of readiness, of reloads with a time, of
// the stop, and by heartbeats in between. The health address agrees.
func TestNotifiesSystemd(t *testing.T) {
	t.Parallel()
	manager := newServiceManager(t)
	gate, health := filepath.Join(t.TempDir(), "gate"), freeAddress(t)
	for _, slot := range []string{"1", "2"} {
		check(t, syscall.Mkfifo(gate+slot, 0o600))
	}
	command := script(t, "read line <"+gate+"$MULTIPROC_SLOT", "exec "+lookPath(t, "testapp"))
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nmin-ready = 2\nhealth = "+health+"\ncommand = "+command+"\n",
		withEnv("NOTIFY_SOCKET="+manager.path, "WATCHDOG_USEC=2000000"), failing)
	manager.wait("STATUS=generation 1, 0 of 2 workers ready")
	manager.wait("WATCHDOG=1")
	open := func(slot string) {
		check(t, os.WriteFile(gate+slot, []byte("go\n"), 0))
	}
	open("1")
	manager.wait("STATUS=generation 1, 1 of 2 workers ready")
	if slices.ContainsFunc(manager.got, func(text string) bool { return strings.Contains(text, "READY=1") }) {
		t.Errorf("told that it is ready too early: %q", manager.got)
	}
	if reason := s.unready(t, health); reason == "" {
		t.Error("readyz says ready too early")
	}
	open("2")
	manager.wait("READY=1")
	if reason := s.unready(t, health); reason != "" {
		t.Errorf("notified of readiness, but readyz says %q", reason)
	}
	s.await("all ready", func(status master.Status) bool { return status.Ready() == 2 })
	for _, pid := range s.workers() {
		for _, variable := range proctest.Environ(t, pid) {
			if name, value, _ := strings.Cut(variable, "="); name == "NOTIFY_SOCKET" && value == manager.path ||
				name == "WATCHDOG_USEC" && value == "2000000" {
				t.Errorf("worker %d has the master's %s", pid, variable)
			}
		}
	}

	var before unix.Timespec
	check(t, unix.ClockGettime(unix.CLOCK_MONOTONIC, &before))
	reloaded := make(chan struct{})
	go func() {
		defer close(reloaded)
		s.reload()
	}()
	_, text, _ := strings.Cut(manager.wait("RELOADING=1"), "MONOTONIC_USEC=")
	micro, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if now := time.Duration(micro) * time.Microsecond; err != nil || now < time.Duration(before.Nano()).Truncate(time.Microsecond) ||
		now > time.Duration(before.Nano())+2*proctest.Patience {
		t.Errorf("MONOTONIC_USEC=%s, %v; the clock says %s", text, err, time.Duration(before.Nano()))
	}
	open("1")
	open("2")
	manager.wait("READY=1")
	<-reloaded
	manager.wait("STATUS=generation 2, 2 of 2 workers ready")

	// A reload that is rolled back ends as well.
	s.writeINI("socket = 127.0.0.1:0\nno-such-key = 1\n")
	s.signal(syscall.SIGHUP)
	manager.wait("RELOADING=1")
	manager.wait("READY=1")
	manager.wait("WATCHDOG=1")

	s.signal(syscall.SIGTERM)
	manager.wait("STOPPING=1")
	s.mustExit(0)
}

// TestWatchdogIsPrompt has a manager with a shorter watchdog interval than the master's own checks.
func TestWatchdogIsPrompt(t *testing.T) {
	t.Parallel()
	manager := newServiceManager(t)
	s := startServer(t, "socket = 127.0.0.1:0\n", withEnv("NOTIFY_SOCKET="+manager.path, "WATCHDOG_USEC=200000"))
	const pings = 20
	manager.wait("WATCHDOG=1")
	began := time.Now()
	for range pings {
		manager.wait("WATCHDOG=1")
	}
	// On average, with much room for busy machines.
	if took := time.Since(began); took > pings*400*time.Millisecond {
		t.Errorf("%d signs of life took %s, systemd wants one every 200ms", pings, took)
	}
	s.stop()
}

// TestSocketActivation inherits open sockets and has no key for them. They stay the same over a reload and the death of a
// worker, and workers see none of systemd's variables.
func TestSocketActivation(t *testing.T) {
	t.Parallel()
	address, metrics := freeAddress(t), freeAddress(t)
	s := startServer(t, "processes = 2\n", wrapped(lookPath(t, "activate"), "http="+address, "metrics="+metrics, "--"))
	check := func() {
		t.Helper()
		s.wantVisit(http.StatusOK, "/", "")
		s.mustNotBlock(2, 2)
		for _, pid := range s.workers() {
			env := proctest.Environ(t, pid)
			if !slices.Contains(env, "LISTEN_FDNAMES=http:metrics:config:lifeline:log") || slices.ContainsFunc(env, func(v string) bool {
				return strings.HasPrefix(v, "LISTEN_PID=")
			}) {
				t.Errorf("worker %d has %q", pid, env)
			}
		}
	}
	if s.address != address {
		t.Errorf("listening on %s, not on %s", s.address, address)
	}
	check()
	socketsBefore := proctest.Descriptors(s.cmd.Process.Pid)
	s.reload()
	s.awaitNoneDraining()
	check()
	for fd, to := range socketsBefore {
		if listening(t)[to] && proctest.Descriptors(s.cmd.Process.Pid)[fd] != to {
			t.Errorf("descriptor %d is not the socket any more that it was: %s", fd, to)
		}
	}
	victim := s.workers()[0]
	proctest.Kill(t, victim, syscall.SIGKILL)
	s.awaitReplaced(victim)
	check()
	// Commands ignore the sockets.
	runIn(t, s.dir, "", "status", "--ini", s.ini)
	s.stop()
}

// TestPassedToAnother is a server that a shell has started in the process that systemd has passed the sockets to.
func TestPassedToAnother(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\n", withEnv("LISTEN_PID=1", "LISTEN_FDS=1"))
	s.stop()
	if s.log.Count("passed sockets ignored", "listen_pid=1") != 1 {
		t.Error("the log does not say that sockets of another process are ignored")
	}
	// A file for systemd has no key for the sockets.
	ini := filepath.Join(s.dir, "activated.ini")
	check(t, os.WriteFile(ini, []byte("[multiproc]\nprocesses = 2\n"), 0o600))
	if out := runIn(t, s.dir, "", "check", "--activated", "--ini", ini); !strings.Contains(out, "\nprocesses ") {
		t.Errorf("check:\n%s", out)
	}
}

// TestPassedAddresses inherits sockets whose addresses the keys name, in other words, and one that no key names.
func TestPassedAddresses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	web, health, other := freeAddress(t), freeAddress(t), freeAddress(t)
	metrics, stats, control := filepath.Join(dir, "m.sock"), filepath.Join(dir, "stats.sock"), filepath.Join(dir, "control.sock")
	_, port, err := net.SplitHostPort(web)
	check(t, err)
	link := filepath.Join(dir, "link")
	check(t, os.Symlink(".", link))
	ini := "socket = localhost:" + port + "\nmetrics-socket = " + link + "/m.sock\nhealth = " + health + "\nstats = fd://uwsgitop\nprocesses = 2\nvacuum = true\n"
	t.Run("unsafe control", func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "control.sock")
		s := startServer(t, "socket = 127.0.0.1:0\n", in(dir), failing, wrapped("sh", "-c", `umask 0; exec "$@"`, "sh", lookPath(t, "activate"),
			"c="+path, "--"))
		s.mustExit(1)
		s.log.Wait(t, s.done, "control: the passed socket "+path+" must have the mode 0600")
	})
	s := startServer(t, ini, in(dir), wrapped("sh", "-c", `umask 177; exec "$@"`, "sh", lookPath(t, "activate"), "app.socket="+web, "m="+metrics,
		"h="+health, "uwsgitop="+stats, "c="+control, "other="+other, "--"))
	files := map[string]os.FileInfo{}
	for _, path := range []string{metrics, stats, control} {
		files[path], err = os.Lstat(path)
		check(t, err)
	}
	verify := func() {
		t.Helper()
		s.wantVisit(http.StatusOK, "/", "")
		if reason := s.unready(t, health); reason != "" {
			t.Errorf("health: %s", reason)
		}
		for _, path := range []string{metrics, stats} {
			conn, err := net.Dial("unix", path) //nolint:noctx // it does not wait
			check(t, err)
			check(t, conn.Close())
		}
		if conn, err := net.Dial("tcp", other); err == nil { //nolint:noctx // it does not wait
			t.Errorf("connected to %s, which no key names", conn.RemoteAddr())
		}
		for _, pid := range s.workers() {
			if env := proctest.Environ(t, pid); !slices.Contains(env, "LISTEN_FDNAMES=http:metrics:config:lifeline:log") {
				t.Errorf("worker %d has %q", pid, env)
			}
		}
	}
	if s.address != web {
		t.Errorf("listening on %s, not on %s", s.address, web)
	}
	verify()
	s.reload()
	s.awaitNoneDraining()
	verify()
	s.stop()
	if n := s.log.Count("passed socket not used, no key names it", "name=other", "address="+other); n != 1 || s.log.Count("passed socket not used") != 1 {
		t.Errorf("an unused socket was logged %d times", n)
	}
	for path, before := range files {
		after, err := os.Lstat(path)
		if err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
			t.Errorf("the file of a passed socket was changed: %v, %v", after, err)
		}
	}
}
