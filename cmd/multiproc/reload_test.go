package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"multiproc/internal/proctest"
	"multiproc/master"
)

// TestReloadsUnderLoad reloads again and again under load of all kinds: no client notices, and the master has no more
// descriptors, threads or goroutines than before.
func TestReloadsUnderLoad(t *testing.T) {
	reloads := proctest.Rounds(10, 50) // of each of two servers
	unix := filepath.Join(t.TempDir(), "http.sock")
	ini := "socket = 127.0.0.1:0\nsocket = " + unix + "\nprocesses = 2\ndrain-idle = 1\ndisable-logging = true\n"
	t.Run("command", func(t *testing.T) {
		reloadUnderLoad(t, reloads, ini+appINI(t), func(tcp string) []client {
			return append(allKinds("tcp", tcp), allKinds("unix", unix)...)
		})
	})
	t.Run("own", func(t *testing.T) {
		reloadUnderLoad(t, reloads, ini, func(tcp string) []client {
			return []client{
				{"tcp", tcp, "/", true},
				{"tcp", tcp, "/metrics", true},
				{"unix", unix, "/metrics", true},
				{"tcp", tcp, "/", false},
				{"tcp", tcp, "/metrics", false},
				{"unix", unix, "/metrics", false},
			}
		})
	})
}

func reloadUnderLoad(t *testing.T, reloads int, ini string, clients func(tcp string) []client) {
	t.Helper()
	s := startServer(t, ini, withEnv("GOTRACEBACK=all"))
	s.reload() // so that everything has happened once
	s.awaitNoneDraining()
	descriptorsBefore, threadsBefore := entries(t, s.cmd.Process.Pid, "fd"), entries(t, s.cmd.Process.Pid, "task")

	l := startLoad(s, clients(s.address)...)
	for range reloads {
		s.reload()
	}
	l.mustHaveLostNone()

	status := s.awaitNoneDraining()
	if int(status.Generation) != reloads+2 {
		t.Errorf("generation %d after %d reloads", status.Generation, reloads+1)
	}
	for _, w := range status.Workers {
		if w.Generation != status.Generation {
			t.Errorf("a worker of generation %d is left", w.Generation)
		}
	}
	// The connection of the status request may still be open.
	proctest.Eventually(t, fmt.Sprintf("no more than the %d descriptors that the master had before", descriptorsBefore), func() bool {
		return entries(t, s.cmd.Process.Pid, "fd") <= descriptorsBefore
	})
	// The runtime never ends a thread, and starts some when many system calls block at once.
	if after := entries(t, s.cmd.Process.Pid, "task"); after > threadsBefore+max(8, reloads/4) {
		t.Errorf("the master has %d threads after, %d before", after, threadsBefore)
	}
	goroutinesAfter := s.goroutines()

	fresh := startServer(t, ini, withEnv("GOTRACEBACK=all"))
	if before := fresh.goroutines(); before == 0 || goroutinesAfter > before+max(5, reloads/4) {
		t.Errorf("the master has %d goroutines after, %d before\n%s", goroutinesAfter, before, s.log)
	}
}

// awaitNoneDraining waits until no worker drains.
func (s *testServer) awaitNoneDraining() master.Status {
	s.tb.Helper()
	return s.await("no worker draining", func(status master.Status) bool {
		return status.Ready() == status.Target && len(status.Workers) == status.Target
	})
}

// entries returns the number of entries in a directory of a process: fd, task.
func entries(tb testing.TB, pid int, of string) int {
	tb.Helper()
	list, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), of))
	check(tb, err)
	return len(list)
}

// goroutines ends the master by SIGABRT, at which the runtime dumps all goroutines, and counts them. The server must have
// been started with GOTRACEBACK=all.
func (s *testServer) goroutines() int {
	s.tb.Helper()
	workers := s.workers()
	s.signal(syscall.SIGABRT)
	s.exitCode()
	proctest.AwaitGone(s.tb, workers...)
	return s.log.Count("goroutine ", "]:")
}

// tryReload requests a reload that may fail and returns its output. It does not read the ini itself.
func (s *testServer) tryReload() (output string, code exitCode) {
	s.tb.Helper()
	stdout, stderr, code := s.run("reload", "--control", s.control())
	return stdout + stderr, code
}

// mustReload is a tryReload that must succeed.
func (s *testServer) mustReload() {
	s.tb.Helper()
	if output, code := s.tryReload(); code != exitOK {
		s.tb.Fatalf("reload: exit code %d: %s\n%s", code, output, s.log)
	}
}

// mustRefuse requests a reload that must be refused with a line that has these parts, and must leave the workers alone.
func (s *testServer) mustRefuse(parts ...string) {
	s.tb.Helper()
	before := s.awaitNoneDraining()
	output, code := s.tryReload()
	if code != exitFailed {
		s.tb.Errorf("exit code %d of a reload that is to be refused: %s\n%s", code, output, s.log)
	}
	if !hasAll(output, parts) {
		s.tb.Errorf("the error of a refused reload is %q, want %q", output, parts)
	}
	after := s.awaitNoneDraining()
	if !slices.Equal(pidsOf(after), pidsOf(before)) || after.Generation != before.Generation {
		s.tb.Errorf("a refused reload has changed the workers: %+v, before %+v\n%s", after.Workers, before.Workers, s.log)
	}
}

// TestReloadSlowReader has a client that does not read a large answer. A reload does not wait for it, and its worker is gone
// after worker-reload-mercy, long before it would give up on the client by itself.
func TestReloadSlowReader(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\nworker-reload-mercy = 2\n"+appINI(t))
	old := s.workers()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
	check(t, err)
	defer conn.Close()
	// So that the answer does not fit into the kernel's buffers.
	check(t, conn.(*net.TCPConn).SetReadBuffer(4<<10))
	if _, err := io.WriteString(conn, "GET /big?size=10485760 HTTP/1.1\r\nHost: server\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil { // the answer has begun
		t.Fatal(err)
	}
	begun := time.Now()
	s.reload()
	t.Logf("the reload took %s", time.Since(begun))
	s.log.Wait(t, s.done, "killing worker", "reason=reload")
	log := s.log.String()
	if reloaded, killed := strings.Index(log, "msg=\"reload committed\""), strings.Index(log, "killing worker"); reloaded < 0 || reloaded > killed {
		t.Errorf("the reload ended after the slow client's worker\n%s", log)
	}
	proctest.AwaitGone(t, old...)
	t.Logf("the old workers were gone after %s", time.Since(begun))
	if n := s.log.Count("killing worker"); n != 1 {
		t.Errorf("%d workers were killed, one has a slow client", n)
	}
	s.stop()
}

// TestReloadGap measures the longest time without an answer while workers take 1 s to start. A reload must not stop old
// workers before the new ones are ready.
func TestReloadGap(t *testing.T) {
	reloads := proctest.Rounds(1, 3)
	const delay = time.Second
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 2\ndrain-idle = 1\n"+appINI(t), withEnv("APP_START_DELAY="+delay.String()))
	l := startLoad(s, allKinds("tcp", s.address)...)
	for range reloads {
		s.reload()
		status, err := s.status()
		check(t, err)
		for _, w := range status.Workers {
			if w.Generation == status.Generation && w.State != "ready" {
				t.Errorf("worker %s is %s after the reload", w.ID, w.State)
			}
		}
	}
	s.awaitNoneDraining()
	l.mustHaveLostNone()
	longest := time.Duration(0)
	for i, at := range l.answers[1:] {
		longest = max(longest, at.Sub(l.answers[i]))
	}
	t.Logf("the longest time without an answer was %s", longest)
	if longest > delay/2 {
		t.Errorf("%s without an answer, where workers take %s to start", longest, delay)
	}
	s.stop()
}

// TestReloadByHUP reloads by signal. Failures are logged.
func TestReloadByHUP(t *testing.T) {
	t.Parallel()
	ini := "socket = 127.0.0.1:0\nprocesses = 2\n" + appINI(t)
	s := startServer(t, ini)
	l := startLoad(s, allKinds("tcp", s.address)...)
	s.signal(syscall.SIGHUP)
	s.await("a reload by HUP", func(status master.Status) bool { return status.Generation == 2 })
	before := s.awaitNoneDraining()

	s.writeINI(ini + "max-request = 3\n")
	s.signal(syscall.SIGHUP)
	s.log.Wait(t, s.done, "level=ERROR", "reload rolled back", "max-request")
	if after := s.awaitNoneDraining(); !slices.Equal(pidsOf(after), pidsOf(before)) {
		t.Errorf("workers %+v after a reload that failed, %+v before", after.Workers, before.Workers)
	}

	s.writeINI(ini)
	s.signal(syscall.SIGHUP)
	s.await("a reload after one that failed", func(status master.Status) bool { return status.Generation > before.Generation })
	s.awaitNoneDraining()
	l.mustHaveLostNone()
	s.stop()
}

// TestReloadsCoalesce requests five reloads while one is in progress that has already read the ini: all five get the current
// ini, with fewer than five reloads.
func TestReloadsCoalesce(t *testing.T) {
	t.Parallel()
	const ini = "socket = 127.0.0.1:0\nprocesses = 2\nenv = APP_START_DELAY=1s\nenv = VERSION=%d\n"
	app := appINI(t)
	s := startServer(t, fmt.Sprintf(ini, 1)+app)
	var asking sync.WaitGroup
	ask := func() {
		output, code := s.tryReload()
		if code != exitOK {
			t.Errorf("reload: exit code %d: %s", code, output)
		}
		// Workers of the first reload may still drain here. A caller whose reload is done is served by its generation.
		if status, err := s.status(); err != nil || status.Generation < 3 {
			t.Errorf("a reload requested after the settings had been read was answered too early: %+v %v", status, err)
		}
	}
	s.writeINI(fmt.Sprintf(ini, 2) + app)
	asking.Go(func() {
		if output, code := s.tryReload(); code != exitOK {
			t.Errorf("the first reload: exit code %d: %s", code, output)
		}
	})
	s.log.Wait(t, s.done, "new generation", "generation=2")
	s.writeINI(fmt.Sprintf(ini, 3) + app)
	for range 5 {
		asking.Go(ask)
	}
	asking.Wait()
	status := s.awaitNoneDraining()
	if status.Generation >= 2+5 {
		t.Errorf("generation %d: each of them got a reload of its own", status.Generation)
	}
	for _, pid := range pidsOf(status) {
		if !slices.Contains(proctest.Environ(t, pid), "VERSION=3") {
			t.Errorf("a worker does not have the settings of the last ini\n%s", s.log)
		}
	}
	s.stop()
}

// TestReloadWhileStopping requests a reload from a server that waits for a last request: it is refused at once.
func TestReloadWhileStopping(t *testing.T) {
	s := startServer(t, "socket = 127.0.0.1:0\n"+appINI(t))
	held := s.holdPost()
	s.signal(syscall.SIGTERM)
	s.log.Wait(t, s.done, "msg=stopping")
	if output, code := s.tryReload(); code != exitFailed || !strings.Contains(output, "stopping") {
		t.Errorf("reload of a server that stops: exit code %d: %s\n%s", code, output, s.log)
	}
	if _, err := io.WriteString(held, "0123456789"); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, held, "0123456789")
	s.mustExit(exitOK)
	if n := s.log.Count("new generation"); n != 1 {
		t.Errorf("a server that stops has begun a reload\n%s", s.log)
	}
}

// TestStopWhileReloading stops a server whose new workers are not ready yet: they stop, too, and the caller of the reload
// gets the reason.
func TestStopWhileReloading(t *testing.T) {
	t.Parallel()
	ini := "socket = 127.0.0.1:0\nprocesses = 2\n" + appINI(t)
	s := startServer(t, ini)
	s.writeINI(ini + "env = APP_NEVER_READY=1\n")
	var asking sync.WaitGroup
	asking.Go(func() {
		if output, code := s.tryReload(); code != exitFailed || !strings.Contains(output, "stopping") {
			t.Errorf("a reload that a stop ends: exit code %d: %s", code, output)
		}
	})
	s.await("a new worker", func(status master.Status) bool { return len(status.Workers) > status.Target })
	workers := s.workers()
	s.stop()
	asking.Wait()
	proctest.AwaitGone(t, workers...)
}

// TestReloadProcesses changes the number of workers under load: by the ini, and by signals until the next reload.
func TestReloadProcesses(t *testing.T) {
	t.Parallel()
	ini := func(n int) string {
		return fmt.Sprintf("socket = 127.0.0.1:0\nprocesses = %d\ndrain-idle = 1\n", n) + appINI(t)
	}
	s := startServer(t, ini(2))
	l := startLoad(s, allKinds("tcp", s.address)...)
	awaitWorkers := func(n int) {
		t.Helper()
		s.await(fmt.Sprintf("%d workers", n), func(status master.Status) bool {
			return status.Target == n && status.Ready() == n && len(status.Workers) == n
		})
	}
	for _, n := range []int{4, 1, 2} {
		s.writeINI(ini(n))
		s.reload()
		awaitWorkers(n)
	}
	s.signal(syscall.SIGTTIN)
	awaitWorkers(3)
	s.signal(syscall.SIGTTIN)
	awaitWorkers(4)
	s.signal(syscall.SIGTTOU)
	awaitWorkers(3)
	s.reload()
	awaitWorkers(2)
	s.signal(syscall.SIGTTOU)
	awaitWorkers(1)
	s.signal(syscall.SIGTTOU)
	s.log.Wait(t, s.done, "cannot go below one worker")
	awaitWorkers(1)
	s.reload()
	awaitWorkers(2)
	l.mustHaveLostNone()
	s.stop()
}

// TestReloadUnchangeable changes what a running server cannot change: each reload is refused with a line that names the key,
// and the server goes on as before.
func TestReloadUnchangeable(t *testing.T) {
	t.Parallel()
	ini := "socket = 127.0.0.1:0\n" + appINI(t)
	s := startServer(t, ini)
	dir := t.TempDir()
	for key, value := range map[string]string{
		"pidfile":    filepath.Join(dir, "pid"),
		"logto":      filepath.Join(dir, "log"),
		"chdir":      dir,
		"uid":        "65534",
		"gid":        "65534",
		"umask":      "027",
		"master":     "false",
		"reuse-port": "true",
		"database":   filepath.Join(dir, "db"),
		"health":     freeAddress(t),
		"vacuum":     "true",
		"log-format": "json",
	} {
		t.Run(key, func(t *testing.T) {
			s.writeINI(ini + key + " = " + value + "\n")
			s.mustRefuse(key)
			for _, file := range []string{"pid", "log"} {
				if fileExists(filepath.Join(dir, file)) {
					t.Errorf("there is a %s", file)
				}
			}
		})
	}
	// The harness adds its own.
	for key, text := range map[string]string{
		"control":     fmt.Sprintf("[multiproc]\n%scontrol = %s\nmetrics-dir = %s\n", ini, filepath.Join(dir, "control"), s.metricsDir()),
		"metrics-dir": fmt.Sprintf("[multiproc]\n%scontrol = %s\nmetrics-dir = %s\n", ini, s.control(), filepath.Join(dir, "metrics")),
	} {
		t.Run(key, func(t *testing.T) {
			check(t, os.WriteFile(s.ini, []byte(text), 0o600))
			s.mustRefuse(key)
		})
	}
	s.writeINI(ini)
	s.reload()
	s.stop()
}

// TestReloadReusePort reloads where each slot has a socket of its own on the port. A slot keeps its socket and the
// connections that wait there from one worker to the next.
func TestReloadReusePort(t *testing.T) {
	t.Parallel()
	reloads := proctest.Rounds(5, 20)
	s := startServer(t, "socket = 127.0.0.1:0\nprocesses = 3\nreuse-port = true\ndrain-idle = 1\n"+appINI(t))
	l := startLoad(s, slices.Repeat(allKinds("tcp", s.address), 2)...)
	for range reloads {
		s.reload()
	}
	l.mustHaveLostNone()
	s.awaitNoneDraining()
	s.stop()
}

// hold opens a connection and writes the beginning of a request.
func (s *testServer) hold(text string) net.Conn {
	s.tb.Helper()
	conn, err := new(net.Dialer).DialContext(s.tb.Context(), "tcp", s.address)
	check(s.tb, err)
	s.tb.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		s.tb.Fatal(err)
	}
	return conn
}

// holdPost opens a connection with a request whose handler waits for the 10 bytes of its body.
func (s *testServer) holdPost() net.Conn {
	s.tb.Helper()
	conn := s.hold("POST /echo HTTP/1.1\r\nHost: server\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n")
	const goOn = "HTTP/1.1 100 Continue\r\n\r\n" // which is sent when the handler reads
	got := make([]byte, len(goOn))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != goOn {
		s.tb.Fatalf("%q %v", got, err)
	}
	return conn
}

// mustEnd reads the answer to the one request on a connection, which must be good and the last one.
func mustEnd(tb testing.TB, conn net.Conn, body string) {
	tb.Helper()
	check(tb, conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	answer, err := io.ReadAll(conn)
	if text := string(answer); err != nil || !strings.HasPrefix(text, "HTTP/1.1 200 ") || !strings.HasSuffix(text, "\r\n\r\n"+body) {
		tb.Errorf("the answer to a request that a reload came upon: %q %v", text, err)
	}
}

// TestReloadInFlight reloads while one request is being handled, another is half sent, and a third connection has sent
// nothing yet: the workers that have them answer all three.
func TestReloadInFlight(t *testing.T) {
	t.Parallel()
	s := startServer(t, "socket = 127.0.0.1:0\n"+appINI(t))
	old := s.workers()
	handled := s.hold("GET /slow?for=1s HTTP/1.1\r\nHost: server\r\n\r\n")
	halfSent := s.holdPost()
	silent := s.hold("")
	s.reload()
	s.await("one draining", func(status master.Status) bool { return slices.Equal(pidsOf(status, "draining"), old) })
	for part := range slices.Chunk([]byte("0123456789"), 2) {
		if _, err := halfSent.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(silent, "GET /pid HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, halfSent, "0123456789")
	mustEnd(t, handled, "done\n")
	answer, err := io.ReadAll(silent)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || err != nil {
		t.Errorf("the answer on a connection that had been silent before the reload: %q %v", answer, err)
	}
	proctest.AwaitGone(t, old...)
	s.stop()
}

// An ini that is refused does not keep anybody from reaching the server that it was written for.
func TestReloadRefusesFaultyINI(t *testing.T) {
	const ini = "socket = 127.0.0.1:0\n"
	s := startServer(t, ini)
	s.writeINI(ini + "no-such-key = 1\n")
	stdout, stderr, code := s.run("reload", "--ini", s.ini)
	if code != 1 || !strings.Contains(stderr, "no-such-key") {
		t.Errorf("reload: exit code %d: %s%s", code, stdout, stderr)
	}
	if stdout, stderr, code := s.run("status", "--ini", s.ini); code != 0 || !strings.Contains(stdout, "1 of 1 workers ready") {
		t.Errorf("status: exit code %d: %s%s", code, stdout, stderr)
	}
	runIn(t, s.dir, "", "stop", "--ini", s.ini)
	s.mustExit(0)
}
